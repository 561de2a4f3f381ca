"""A session as it goes by, on standard error: what the model says, each call in a line, time and tokens."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

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
from agent.session.live import (
    CallStreaming,
    DownloadAdvanced,
    LiveEvent,
    ProgressReported,
    PromptProcessing,
    TextReceived,
)
from agent.text import printable
from agent.verify.suite import describe

if TYPE_CHECKING:
    from rich.console import Console

    from agent.catalogue.download import Progress
    from agent.model.types import Waiting

_LINE = 150
_WAIT_SECONDS = 10.0


class Terminal:
    """A subscriber that tells a person. All untrusted text is printed without markup or control characters.

    `clock` gives the seconds that the lines are told at; the first it gives is their zero.
    """

    def __init__(self, console: Console, *, stream: bool = True, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._stream = stream
        self._clock = clock
        self._started = clock()
        self._in_text = False
        self._percent = -1
        self._waited = 0.0
        self._writing = 0.0
        self._written = 0

    def __call__(self, event: Event | LiveEvent) -> None:
        """Show one event."""
        match event:
            case TextReceived():
                self.text(event.text)
                return
            case CallStreaming():
                self.writing(event.characters)
                return
            case PromptProcessing():
                self.waiting(event)
                return
            case ProgressReported():
                self.progress(event.message)
                return
            case DownloadAdvanced():
                self.download(event)
                return
        self._end_text()
        show = getattr(self, f"_on_{event.kind}", None)
        if show is not None:
            show(event)

    def text(self, piece: str) -> None:
        """Show a piece of what the model is saying."""
        self._waited = 0.0
        if self._stream:
            self._in_text = True
            self._out(printable(piece), "dim", end="")

    def progress(self, message: str) -> None:
        """Show what is being done."""
        self._end_text()
        self._say("·", message, "dim")

    def waiting(self, waiting: PromptProcessing | Waiting) -> None:
        """Show that the model is still reading the prompt, every ten seconds at most."""
        if waiting.seconds < self._waited + _WAIT_SECONDS:
            self._waited = min(self._waited, waiting.seconds)
            return
        self._waited = waiting.seconds
        told = f" ({waiting.done:,} of {waiting.total:,} tokens)" if waiting.done and waiting.total else ""
        self.progress(f"the model is reading the prompt: {waiting.seconds:.0f} s{told}")

    def writing(self, characters: int) -> None:
        """Show that the model is writing a call, every ten seconds at most."""
        now = time.monotonic()
        if characters < self._written or not self._written:
            self._writing = now
        self._written = characters
        if now - self._writing >= _WAIT_SECONDS:
            self._writing = now
            self.progress(f"the model is writing a call: {characters:,} characters so far")

    def download(self, progress: DownloadAdvanced | Progress) -> None:
        """Show how far a download is, at every twentieth of it."""
        percent = 100 * progress.done // max(progress.total, 1)
        if percent // 5 != self._percent // 5:
            self._percent = percent
            done, total = progress.done / 1e6, progress.total / 1e6
            self._say("·", f"model: {done:,.0f} of {total:,.0f} MB ({percent}%) from {progress.source}", "dim")

    def _end_text(self) -> None:
        if self._in_text:
            self._in_text = False
            self._out("")

    def _say(self, mark: str, text: str, style: str = "") -> None:
        seconds = max(int(self._clock() - self._started), 0)
        text = printable(text.replace("\r", " "))  # a carriage return would take back what stands before it
        line = f"{seconds // 60:3d}:{seconds % 60:02d} {mark} {text}"
        self._out(line, style)

    def _out(self, text: str, style: str = "", *, end: str = "\n") -> None:
        """Print as it stands; where nobody sees colours, without what it costs to lay them out."""
        if self._console.is_terminal:
            self._console.out(text, style=style or None, highlight=False, end=end)
        else:
            self._console.file.write(text + end)

    def _on_session_started(self, event: SessionStarted) -> None:
        title = event.issue_title or event.issue_body.split("\n", 1)[0]
        self._say("▶", f"{_cut(title)}", "bold")
        self._say("·", f"{event.repository} at {event.base_commit[:12]}, session {event.session_id}", "dim")

    def _on_resumed(self, event: Resumed) -> None:
        self._say("▶", f"session {event.session_id} goes on; it stopped after {event.seconds:.0f} s", "bold")
        self._say("·", f"how it stopped: {_cut(event.interrupted)}", "dim")

    def _on_backend_found(self, event: BackendFound) -> None:
        self._say("·", f"model {event.model} ({event.server}), window {event.window:,} tokens")

    def _on_sandbox_started(self, event: SandboxStarted) -> None:
        isolation = " (no isolation)" if event.sandbox == "local" else ""
        self._say("·", f"sandbox: {event.sandbox}{isolation}")

    def _on_sandbox_restarted(self, event: SandboxRestarted) -> None:
        self._say("!", f"the sandbox was started again: {event.reason}", "yellow")

    def _on_setup_ran(self, event: SetupRan) -> None:
        ok = event.exit_code == 0
        self._say("✓" if ok else "✗", f"setup, {event.seconds:.0f} s", "" if ok else "yellow")
        if not ok:
            self._out(_indent(event.output[-600:]), "dim")

    def _on_tests_ran(self, event: TestsRan) -> None:
        if event.phase == "reproduction":  # here a failure is what is looked for
            what = event.about or "the script"
            shown = "holds already" if event.passed else "does not hold"
            self._say("·", f"{_cut(what)}: {shown} [{event.seconds:.1f} s]", "dim")
            return
        about = {"before": "without a change", "after": "with the patch, in a clean copy"}
        mark, style = ("✓", "green") if event.passed else ("✗", "red")
        words = f"tests {about.get(event.phase, event.phase)}: {describe(event)} [{event.seconds:.1f} s]"
        self._say(mark, words, style)

    def _on_user_said(self, event: UserSaid) -> None:
        self._say("→", _cut(event.content), "yellow")

    def _on_model_replied(self, event: ModelReplied) -> None:
        usage = event.usage
        tokens = f"in {usage.prompt_tokens:,} (cached {usage.cached_tokens:,}), out {usage.completion_tokens:,}"
        how = f", call from {event.parsed}" if event.parsed not in {"native", "constrained", ""} else ""
        self._say("·", f"{event.purpose}: {event.seconds:.1f} s, tokens {tokens}{how}", "dim")

    def _on_tool_called(self, event: ToolCalled) -> None:
        self._say("▸", f"{event.call.name} {_cut(_arguments(event.call.arguments))}", "cyan")

    def _on_observed(self, event: Observed) -> None:
        lines = printable(event.content).strip().splitlines()
        last = lines[-1] if lines else ""
        more = f" … {len(lines)} lines" if len(lines) > 1 else ""
        self._say(" " if event.ok else "✗", f"  {_cut(last)}{more}", "dim" if event.ok else "yellow")

    def _on_phase_began(self, event: PhaseBegan) -> None:
        self._say("▸", f"{event.phase}{': ' if event.detail else ''}{_cut(event.detail)}", "cyan")

    def _on_candidate_made(self, event: CandidateMade) -> None:
        good = event.verdict == "passes"
        words = f"candidate {event.number}, {_cut(event.region)}: {_cut(event.verdict)}"
        self._say("✓" if good else "✗", words, "green" if good else "yellow")

    def _on_attempt_began(self, event: AttemptBegan) -> None:
        self._say("▶", f"attempt {event.number} of {event.of} at the most", "bold")

    def _on_attempt_ended(self, event: AttemptEnded) -> None:
        good = event.verdict == "verified"
        self._say("✓" if good else "·", f"attempt {event.number}: {_cut(event.verdict)}", "green" if good else "yellow")

    def _on_attempt_chosen(self, event: AttemptChosen) -> None:
        self._say("▸", f"attempt {event.number} is taken: {_cut(event.reason)}", "cyan")

    def _on_strategy_changed(self, event: StrategyChanged) -> None:
        self._say("▶", f"{event.before} hands over to {event.after}: {_cut(event.reason)}", "bold")

    def _on_compacted(self, event: Compacted) -> None:
        kept = f"the latest {event.kept} steps kept" if event.kept != 1 else "the latest step kept"
        self._say("·", f"window nearly full: {event.before:,} → {event.after:,} tokens, {kept}", "dim")
        if event.reason:
            self._say("!", f"{event.reason}; the program made one", "yellow")

    def _on_warned(self, event: Warned) -> None:
        self._say("!", event.message, "yellow")

    def _on_ended(self, event: Ended) -> None:
        self._say("■", f"{event.status}{': ' if event.reason else ''}{_cut(event.reason, 400)}")

    def _on_result(self, event: Result) -> None:
        if event.verification is not None:
            for told, names in (
                ("fixed by the patch", event.verification.fixes),
                ("failed before and still do", event.verification.still_failing),
                ("old tests that the patch rewrote; look at them", event.verification.rewritten),
            ):
                if names:
                    self._say("·", f"{told}: {_cut(', '.join(names))}")
        style = {"fixed": "bold green", "unverified": "bold yellow"}.get(event.status, "bold red")
        usage, seconds = event.usage, event.seconds
        self._say(
            "=",
            f"{event.status}: {len(event.files)} file(s), {event.steps} {'reply' if event.steps == 1 else 'replies'}, "
            f"tokens in {usage.prompt_tokens:,} (cached {usage.cached_tokens:,}), out {usage.completion_tokens:,}; "
            f"{seconds.total:.0f} s (model {seconds.model:.0f}, tools {seconds.tools:.0f}, own {seconds.own:.1f})",
            style,
        )


def _cut(text: str, length: int = _LINE) -> str:
    line = " ".join(printable(text).split())
    return line if len(line) <= length else line[: length - 1] + "…"


def _indent(text: str) -> str:
    return "\n".join(f"       {line}" for line in printable(text).splitlines())


def _arguments(arguments: str) -> str:
    try:
        given = json.loads(arguments)
    except json.JSONDecodeError:
        return arguments
    shown = [
        str(value) if key in {"command", "path", "pattern"} else f"{key}={_cut(repr(value), 40)}"
        for key, value in given.items()
    ]
    return " ".join(shown)
