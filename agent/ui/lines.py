"""The events of a session as lines of text for a person; the terminal prints them, other screens may too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from agent.session.events import (
    AttemptBegan,
    AttemptChosen,
    AttemptEnded,
    BackendFound,
    CandidateMade,
    Compacted,
    Ended,
    Event,
    ModelReplied,
    Observed,
    PhaseBegan,
    Result,
    Resumed,
    SandboxRestarted,
    SandboxStarted,
    SessionStarted,
    SetupRan,
    StrategyChanged,
    TestsRan,
    ToolCalled,
    UserSaid,
    Warned,
)
from agent.text import printable
from agent.verify.suite import describe

_MAX_CHARACTERS = 150
_MAX_REASON_CHARACTERS = 400
_MAX_ARGUMENT_CHARACTERS = 40
_SETUP_OUTPUT_CHARACTERS = 600
_UNNAMED_ARGUMENTS = {"command", "path", "pattern"}
_PHASES = {
    "before": "without the patch",
    "candidate": "with the candidate",
    "after": "with the patch, in a clean copy",
}


@dataclass(frozen=True)
class Line:
    """A line: its mark, its text, and a style of Rich; `output` is a block of a command's output instead.

    The text may hold anything that a model, a repository or a server wrote: whoever prints it escapes it.
    """

    mark: str
    text: str
    style: str = ""
    output: bool = False


def event_lines(event: Event) -> Iterator[Line]:
    """The lines that describe an event; none for an event that only programs need."""
    yield from _session_lines(event)
    yield from _environment_lines(event)
    yield from _model_lines(event)
    yield from _strategy_lines(event)


def _session_lines(event: Event) -> Iterator[Line]:
    """The beginning and the end of a session, and what it warns of."""
    match event:
        case SessionStarted():
            title = event.issue_title or event.issue_body.split("\n", 1)[0]
            yield Line("▶", shorten(title), "bold")
            where = f"{event.repository} at {event.base_commit[:12]}, session {event.session_id}"
            yield Line("·", where, "dim")
        case Resumed():
            yield Line("▶", f"session {event.session_id} resumed after {event.seconds:.0f} s of earlier work", "bold")
            yield Line("·", f"how it ended then: {shorten(event.interrupted)}", "dim")
        case Warned():
            yield Line("!", event.message, "yellow")
        case Ended():
            reason = shorten(event.reason, _MAX_REASON_CHARACTERS)
            yield Line("■", f"{event.status}: {reason}" if reason else event.status)
        case Result():
            yield from _result_lines(event)
        case _:
            pass


def _result_lines(event: Result) -> Iterator[Line]:
    if event.verification is not None:
        if event.verification.own_tests:
            yield Line(
                "!", "no earlier test shows the fix, only tests that the patch brings itself: review them", "yellow"
            )
        for heading, names in (
            ("fixed by the patch", event.verification.fixes),
            ("failing before and still failing", event.verification.still_failing),
            ("existing tests that the patch changes; review them", event.verification.rewritten),
        ):
            if names:
                yield Line("·", f"{heading}: {shorten(', '.join(names))}")
    style = {"fixed": "bold green", "unverified": "bold yellow"}.get(event.status, "bold red")
    usage, seconds = event.usage, event.seconds
    yield Line(
        "=",
        f"{event.status}: {len(event.files)} file(s), {event.steps} {'reply' if event.steps == 1 else 'replies'}, "
        f"tokens in {usage.prompt_tokens:,} (cached {usage.cached_tokens:,}), out {usage.completion_tokens:,}; "
        f"{seconds.total:.0f} s (model {seconds.model:.0f}, tools {seconds.tools:.0f}, own {seconds.own:.1f})",
        style,
    )


def _environment_lines(event: Event) -> Iterator[Line]:
    """The model's server, the sandbox, the setup and the tests."""
    match event:
        case BackendFound():
            yield Line("·", f"model {event.model} ({event.server}), window {event.window:,} tokens")
        case SandboxStarted():
            isolation = " (no isolation)" if event.sandbox == "local" else ""
            yield Line("·", f"sandbox: {event.sandbox}{isolation}")
        case SandboxRestarted():
            yield Line("!", f"the sandbox was restarted: {event.reason}", "yellow")
        case SetupRan(exit_code=0):
            yield Line("✓", f"setup, {event.seconds:.0f} s")
        case SetupRan():
            yield Line("✗", f"setup, {event.seconds:.0f} s", "yellow")
            yield Line("", event.output[-_SETUP_OUTPUT_CHARACTERS:], "dim", output=True)
        case TestsRan(phase="reproduction"):  # a failure is what is looked for here
            outcome = "holds already" if event.passed else "does not hold"
            subject = shorten(event.about or "the script")
            yield Line("·", f"{subject}: {outcome} [{event.seconds:.1f} s]", "dim")
        case TestsRan():
            mark, style = ("✓", "green") if event.passed else ("✗", "red")
            yield Line(mark, f"tests {_PHASES[event.phase]}: {describe(event)} [{event.seconds:.1f} s]", style)
        case _:
            pass


def _model_lines(event: Event) -> Iterator[Line]:
    """The conversation: messages to the model, its replies, its tool calls and their observations."""
    match event:
        case UserSaid():
            yield Line("→", shorten(event.content), "yellow")
        case ModelReplied():
            usage = event.usage
            tokens = f"in {usage.prompt_tokens:,} (cached {usage.cached_tokens:,}), out {usage.completion_tokens:,}"
            parsed = f", call from {event.parsed}" if event.parsed not in {"native", "constrained", ""} else ""
            yield Line("·", f"{event.purpose}: {event.seconds:.1f} s, tokens {tokens}{parsed}", "dim")
        case ToolCalled():
            yield Line("▸", f"{event.call.name} {shorten(_arguments(event.call.arguments))}", "cyan")
        case Observed():
            lines = printable(event.content).strip().splitlines()
            count = f" … {len(lines)} lines" if len(lines) > 1 else ""
            last = shorten(lines[-1]) if lines else ""
            yield Line(" " if event.ok else "✗", f"  {last}{count}", "dim" if event.ok else "yellow")
        case Compacted():
            kept = f"the latest {event.kept} steps kept" if event.kept != 1 else "the latest step kept"
            yield Line("·", f"window nearly full: {event.before:,} → {event.after:,} tokens, {kept}", "dim")
            if event.reason:
                yield Line("!", f"{event.reason}; the program wrote the summary", "yellow")
        case _:
            pass


def _strategy_lines(event: Event) -> Iterator[Line]:
    """Phases, candidates and attempts of the strategies, and the hand-off between them."""
    match event:
        case PhaseBegan():
            detail = shorten(event.detail)
            yield Line("▸", f"{event.phase}: {detail}" if detail else event.phase, "cyan")
        case CandidateMade():
            mark, style = ("✓", "green") if event.verdict == "passes" else ("✗", "yellow")
            yield Line(mark, f"candidate {event.number}, {shorten(event.region)}: {shorten(event.verdict)}", style)
        case AttemptBegan():
            yield Line("▶", f"attempt {event.number} of at most {event.of}", "bold")
        case AttemptEnded():
            mark, style = ("✓", "green") if event.verdict == "verified" else ("·", "yellow")
            yield Line(mark, f"attempt {event.number}: {shorten(event.verdict)}", style)
        case AttemptChosen():
            yield Line("▸", f"attempt {event.number} is chosen: {shorten(event.reason)}", "cyan")
        case StrategyChanged():
            yield Line("▶", f"{event.before} hands off to {event.after}: {shorten(event.reason)}", "bold")
        case _:
            pass


def shorten(text: str, length: int = _MAX_CHARACTERS) -> str:
    """The text on one line of at most `length` characters."""
    line = " ".join(printable(text).split())
    return line if len(line) <= length else line[: length - 1] + "…"


def _arguments(arguments: str) -> str:
    """A call's arguments: commands, paths and patterns as they are, others by name and shortened."""
    try:
        given = json.loads(arguments)
    except (ValueError, RecursionError):
        return arguments
    if not isinstance(given, dict):  # the model's own string, which may be any JSON
        return arguments
    return " ".join(
        str(value) if key in _UNNAMED_ARGUMENTS else f"{key}={shorten(repr(value), _MAX_ARGUMENT_CHARACTERS)}"
        for key, value in given.items()
    )
