"""What a session tells is shown in plain lines, and nothing in it acts on the terminal."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from rich.console import Console

from agent.model.types import ToolCall, Usage
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
    PromptBegan,
    ReproductionFound,
    Result,
    Resumed,
    SandboxRestarted,
    SandboxStarted,
    Seconds,
    SessionStarted,
    SetupRan,
    SnapshotTaken,
    StrategyChanged,
    TestsRan,
    ToolCalled,
    UserSaid,
    Warned,
    WorkBegan,
)
from agent.session.live import (
    CallStreaming,
    DownloadAdvanced,
    LiveEvent,
    ProgressReported,
    PromptProcessing,
    TextReceived,
)
from agent.ui.terminal import Terminal

EVIL = "\x1b[31mred\x1b]0;owned\x07\x9b2J\r\x08[bold red]mark[/]up[link=http://x]l[/link] :smile: [/] \x7f"
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
STYLE = re.compile(r"\x1b\[[0-9;]*m")


def evil_events(text: str) -> list[Event]:
    """One event of each type, with `text` wherever somebody else's text can stand."""
    call = ToolCall(id="1", name=text, arguments=text)
    return [
        SessionStarted(
            session_id=text, version=text, issue_title=text, issue_body=text, issue_source=text, repository=text,
            base_commit=text, strategy=text, settings={text: text},
        ),
        Resumed(session_id=text, version=text, interrupted=text),
        BackendFound(base_url=text, server=text, model=text, window=1),
        SandboxStarted(sandbox=text, image=text),
        SandboxRestarted(reason=text),
        SetupRan(command=text, exit_code=1, seconds=1, output=text),
        TestsRan(phase="before", command=text, exit_code=1, passed=False, ended=text, seconds=1, output=text, failures=[text]),
        WorkBegan(strategy="agent", flaky=[text]),
        ReproductionFound(command=text, script=text),
        PromptBegan(mode="native", messages=[{"role": "user", "content": text}], reason=text),
        UserSaid(content=text),
        ModelReplied(content=text, reasoning=text, tool_calls=[call], parsed=text, purpose=text),
        ToolCalled(call=call),
        Observed(call_id=text, name=text, ok=False, content=text),
        SnapshotTaken(tree=text),
        PhaseBegan(phase=text, detail=text),
        CandidateMade(number=1, region=text, verdict=text),
        AttemptBegan(number=1, of=2),
        AttemptEnded(number=1, status=text, reason=text, summary=text, patch=text, verdict=text),
        AttemptChosen(number=1, reason=text),
        StrategyChanged(before="agent", after="guided", reason=text),
        Warned(message=text),
        Compacted(before=900, after=300, kept=2, by="program", reason=text),
        Ended(status="gave_up", reason=text, summary=text),
        Result(status="fixed", exit_code=0, session_id=text, patch=text, files=[text], error=text),
    ]  # fmt: skip


def shown(say: Callable[[Terminal], object], *, colour: bool = False, stream: bool = True) -> str:
    """What a terminal shows of what `say` tells it."""
    file = io.StringIO()
    console = Console(file=file, force_terminal=colour, width=200, soft_wrap=True, _environ={"TERM": "xterm-256color"})
    say(Terminal(console, stream=stream))
    return file.getvalue()


def line(event: Event) -> str:
    """What is shown of an event, without the time before it."""
    return re.sub(r"^ *\d+:\d\d ", "", shown(lambda terminal: terminal(event)), flags=re.MULTILINE)


# ---------------------------------------------------------------- untrusted text


def test_every_type_of_event_is_tried_here() -> None:
    kinds: set[type[BaseModel]] = set(get_args(get_args(Event)[0]))
    assert {type(event) for event in evil_events("x")} == kinds


@pytest.mark.parametrize("event", evil_events(EVIL), ids=lambda event: event.kind)
def test_no_event_reaches_the_terminal_with_escapes(event: Event) -> None:
    plain = shown(lambda terminal: terminal(event))
    assert not CONTROL.search(plain)
    coloured = shown(lambda terminal: terminal(event), colour=True)
    assert not CONTROL.search(STYLE.sub("", coloured))
    assert STYLE.sub("", coloured) == plain


def test_markup_is_shown_as_it_is_written() -> None:
    assert (
        line(Warned(message="[bold]a[/bold] [link=x]b[/] :smile: [/]")) == "! [bold]a[/bold] [link=x]b[/] :smile: [/]\n"
    )


def test_what_the_model_says_is_shown_without_escapes_or_markup() -> None:
    said = shown(
        lambda terminal: [
            terminal(TextReceived(piece)) for piece in ("\x1b[31mre", "d [b]x[/b] \x1b", "]0;t\x07 \x9bm")
        ]
    )
    assert said == "red [b]x[/b] \\x1b]0;t\\x07 \\x9bm"


LIVE: list[LiveEvent] = [
    TextReceived(EVIL),
    CallStreaming(1),
    PromptProcessing(11.0, 1, 2),
    ProgressReported(EVIL),
    DownloadAdvanced(1_000_000, 2_000_000, f"mirror{EVIL}"),
]


def test_every_type_of_live_event_is_tried_here() -> None:
    assert {type(event) for event in LIVE} == set(get_args(LiveEvent))


@pytest.mark.parametrize("event", LIVE, ids=lambda event: type(event).__name__)
def test_live_events_are_harmless_too(event: LiveEvent) -> None:
    assert not CONTROL.search(shown(lambda terminal: terminal(event)))


def test_the_source_of_a_download_is_shown() -> None:
    said = shown(lambda terminal: terminal(LIVE[-1]))
    assert "model: 1 of 2 MB (50%) from mirror" in said


@settings(derandomize=True, deadline=None, database=None, max_examples=60)
@given(
    text=st.text(st.sampled_from("ab[]/=\x1b\x07\x9b\r\n\x00;m0"), max_size=20)
    | st.text(st.characters(codec="utf-8"), max_size=20)
)
def test_no_text_at_all_acts_on_the_terminal(text: str) -> None:
    def say(terminal: Terminal) -> None:
        terminal(TextReceived(text))
        for event in evil_events(text):
            terminal(event)

    assert not CONTROL.search(shown(say))


# ---------------------------------------------------------------- what is shown


def run_of_tests(phase: str, *, passed: bool = True, about: str = "") -> TestsRan:
    return TestsRan.model_validate(
        {"phase": phase, "command": "c", "about": about, "exit_code": int(not passed), "passed": passed,
         "ended": "exited", "seconds": 0.5, "output": ""}
    )  # fmt: skip


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (BackendFound(base_url="", server="vLLM", model="m", window=131072), "· model m (vLLM), window 131,072 tokens"),
        (SandboxStarted(sandbox="local"), "· sandbox: local (no isolation)"),
        (SandboxStarted(sandbox="docker"), "· sandbox: docker"),
        (
            ToolCalled(call=ToolCall(id="1", name="edit_file", arguments='{"path": "a.py", "old": "x\\ny"}')),
            "▸ edit_file a.py old='x\\ny'",
        ),
        (ToolCalled(call=ToolCall(id="1", name="shell", arguments='{"command": "ls\\n-l"}')), "▸ shell ls -l"),
        (ToolCalled(call=ToolCall(id="1", name="shell", arguments='["ls"]')), '▸ shell ["ls"]'),
        (ToolCalled(call=ToolCall(id="1", name="shell", arguments='{"command": ')), '▸ shell {"command":'),
        (Observed(call_id="1", name="shell", ok=True, content="a\nb\n[exit code 0]\n"), "    [exit code 0] … 3 lines"),
        (Observed(call_id="1", name="shell", ok=False, content=""), "✗   "),
        (PhaseBegan(phase="localise"), "▸ localise"),
        (run_of_tests("before", passed=False), "✗ tests without the patch: fail with exit code 1 [0.5 s]"),
        (run_of_tests("candidate"), "✓ tests with the candidate: pass [0.5 s]"),
        (run_of_tests("after"), "✓ tests with the patch, in a clean copy: pass [0.5 s]"),
        (run_of_tests("reproduction", passed=False, about="f(1) == 2"), "· f(1) == 2: does not hold [0.5 s]"),
        (run_of_tests("reproduction"), "· the script: holds already [0.5 s]"),
        (CandidateMade(number=2, region="f in a.py", verdict="passes"), "✓ candidate 2, f in a.py: passes"),
        (AttemptBegan(number=2, of=3), "▶ attempt 2 of at most 3"),
        (AttemptEnded(number=2, status="submitted", verdict="verified"), "✓ attempt 2: verified"),
        (AttemptEnded(number=1, status="submitted", verdict="fails"), "· attempt 1: fails"),
        (AttemptChosen(number=2, reason="verified"), "▸ attempt 2 is chosen: verified"),
        (StrategyChanged(before="agent", after="guided", reason="stuck"), "▶ agent hands off to guided: stuck"),
        (Ended(status="gave_up", reason="no idea"), "■ gave_up: no idea"),
        (
            Result(
                status="fixed", exit_code=0, session_id="s", patch="", files=["a"], steps=3,
                usage=Usage(prompt_tokens=12345, cached_tokens=1000, completion_tokens=67),
                seconds=Seconds(total=61.4, model=50, tools=10, own=1.4),
            ),
            "= fixed: 1 file(s), 3 replies, tokens in 12,345 (cached 1,000), out 67; 61 s (model 50, tools 10, own 1.4)",
        ),
    ],
    ids=lambda value: value.kind if isinstance(value, BaseModel) else "",
)  # fmt: skip
def test_an_event_is_shown_on_a_line(event: Event, words: str) -> None:
    assert line(event).rstrip() == words.rstrip()


@pytest.mark.parametrize(
    "event", [PromptBegan(mode="native", messages=[]), SnapshotTaken(tree="t")], ids=["prompt", "snapshot"]
)
def test_what_a_person_need_not_see_is_not_shown(event: Event) -> None:
    assert line(event) == ""


def test_a_setup_that_failed_shows_its_end() -> None:
    shown_ = line(SetupRan(command="make", exit_code=2, seconds=3, output="\n".join(f"line {n}" for n in range(500))))
    assert shown_.startswith("✗ setup, 3 s\n") and shown_.endswith("       line 499\n") and "line 1\n" not in shown_
    assert line(SetupRan(command="make", exit_code=0, seconds=3, output="quiet")) == "✓ setup, 3 s\n"


def test_long_text_is_cut_to_a_line() -> None:
    shown_ = line(UserSaid(content="word " * 500))
    assert shown_.count("\n") == 1 and len(shown_) < 160 and shown_.endswith("…\n")


def test_an_event_after_streamed_text_begins_a_line_of_its_own() -> None:
    def say(terminal: Terminal) -> None:
        terminal(TextReceived("so"))
        terminal(TextReceived(" it goes"))
        terminal(Warned(message="w"))

    assert re.fullmatch(r"so it goes\n +0:0\d ! w\n", shown(say))


def test_streaming_can_be_turned_off() -> None:
    assert shown(lambda terminal: terminal(TextReceived("x")), stream=False) == ""


def test_a_download_is_reported_at_every_twentieth() -> None:
    def say(terminal: Terminal) -> None:
        for done in range(1001):
            terminal(DownloadAdvanced(done, 1000, "s"))

    assert shown(say).count("\n") == 21


# ---------------------------------------------------------------- waiting for the first text


def waited(*waits: PromptProcessing | str) -> list[str]:
    """The lines shown of waits and of what the model says in between, without their time."""

    def say(terminal: Terminal) -> None:
        for each in waits:
            terminal(TextReceived(each) if isinstance(each, str) else each)

    return [line[line.index("·") + 2 :] if "·" in line else line for line in shown(say).splitlines()]


def test_a_wait_is_reported_every_ten_seconds_with_how_far_it_is() -> None:
    waits = [
        PromptProcessing(seconds, done, 20_000)
        for seconds, done in ((2.0, 100), (11.0, 5_000), (12.0, 6_000), (22.5, 12_000))
    ]
    assert waited(*waits) == [
        "the model is reading the prompt: 11 s (5,000 of 20,000 tokens)",
        "the model is reading the prompt: 22 s (12,000 of 20,000 tokens)",
    ]


def test_a_short_wait_is_not_reported() -> None:
    assert waited(PromptProcessing(0.0, 0, 100), PromptProcessing(3.0, 50, 100), PromptProcessing(9.9, 100, 100)) == []


@pytest.mark.parametrize(
    "waits",
    [
        PromptProcessing(10.0),
        PromptProcessing(10.0, None, 100),
        PromptProcessing(10.0, 5, None),
        PromptProcessing(10.0, 0, 0),
    ],
)
def test_a_wait_without_figures_is_reported_by_its_seconds(waits: PromptProcessing) -> None:
    assert waited(waits) == ["the model is reading the prompt: 10 s"]


def test_each_request_is_waited_for_anew() -> None:
    shown_ = waited(PromptProcessing(31.0), "text", PromptProcessing(5.0), PromptProcessing(12.0))
    assert shown_ == ["the model is reading the prompt: 31 s", "text", "the model is reading the prompt: 12 s"]
    assert (
        len(waited(PromptProcessing(31.0), PromptProcessing(4.0), PromptProcessing(14.0))) == 2
    )  # no text came in between: asked again


# ---------------------------------------------------------------- a call being written


def test_a_call_that_takes_long_is_reported_every_ten_seconds() -> None:
    times = iter([0.0, 0.0, 4.0, 11.0, 11.0, 15.0, 22.0, 22.0, 23.0, 30.0])
    file = io.StringIO()
    terminal = Terminal(Console(file=file), clock=times.__next__)
    for characters in (10, 400, 900, 1200, 1500):  # at 0, 4, 11, 15 and 22 s
        terminal(CallStreaming(characters))
    for characters in (20, 500):  # another call, at 23 and 30 s
        terminal(CallStreaming(characters))
    assert file.getvalue().splitlines() == [
        "  0:11 · the model is writing a call: 900 characters so far",
        "  0:22 · the model is writing a call: 1,500 characters so far",
    ]
