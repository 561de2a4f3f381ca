"""A session that is longer than its window: summed up, shortened, and gone on with, at every size of window."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from doubles import Double, GenericDouble, LlamaCppDouble, VllmDouble
from doubles.base import Body, Exchange
from support import CALC
from working import FIX, SUBMIT, FinishedSession, call, calls, work

from agent.context.recent_steps import MIN_FREED_SHARE
from agent.session.transcript import Transcript
from agent.strategy.agent import compaction

K = 1024
CHARACTERS = 3
ASKED = "Call no tool now."
NEEDLE = "ZEBRA-17"
PARTS = 200
ISSUE = "`add(2, 3)` gives -1 instead of 5."


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SWE_AGENT_HOME", str(tmp_path / "home"))


def counted(body: Body) -> int:
    """Tokens of a prompt: its tools and messages as JSON, by length."""
    said = {"messages": body.get("messages") or [], "tools": body.get("tools") or []}
    return len(json.dumps(said, ensure_ascii=False)) // CHARACTERS


class Counting:
    """Counts by length, what it has in its cache, too, and what it refuses."""

    refused = 0
    before = ""
    said = 0

    def prompt_tokens(self, body: Body) -> int:
        return counted(body)

    def usage(self, reply: Any, body: Body) -> Body:
        now = json.dumps([body.get("tools"), body["messages"]], ensure_ascii=False)[:-2]
        prompt = counted(body)
        cached = min(len(self.before) // CHARACTERS + self.said, prompt - 1) if now.startswith(self.before) else 0
        self.before, self.said = now, reply.tokens
        used: Body = {"prompt_tokens": prompt, "completion_tokens": reply.tokens, "total_tokens": prompt + reply.tokens}
        if self.reports_cached:  # type: ignore[attr-defined]
            used["prompt_tokens_details"] = {"cached_tokens": cached}
        return used

    def overflow(self, exchange: Exchange) -> None:
        self.refused += 1
        super().overflow(exchange)  # type: ignore[misc]


class LlamaCpp(Counting, LlamaCppDouble):
    """Counts before it is asked."""


class Vllm(Counting, VllmDouble):
    """Counts when it is asked."""


class Generic(Counting, GenericDouble):
    """Counts what was sent, and tells nothing else."""


def is_asked(body: Body) -> bool:
    """Whether it is the request for a summary."""
    return ASKED in body["messages"][-1]["content"]


def summary(body: Body) -> str:
    """What a good model writes: facts that it can see, and no others."""
    seen = json.dumps(body["messages"])
    fact = f"- the code word is {NEEDLE}\n" if NEEDLE in seen else ""
    return f"Goal: sums\nDone:\n- looked around\nDecisions:\n- mend add only\nFacts:\n{fact}- calc.py:3\nNext step: read on\n"


class Worker:
    """Reads large files until so many summaries were asked for, then mends and submits. The third step finds the needle.

    `form` is how it writes a call, `sums_up` what it says when it is asked to.
    """

    def __init__(
        self,
        compactions: int,
        *,
        together: int = 1,
        form: Callable[..., Any] = calls,
        sums_up: Callable[[Body], Any] = summary,
    ) -> None:
        self.compactions = compactions
        self.together = together
        self.form = form
        self.sums_up = sums_up
        self.steps = self.asked = 0
        self.end = iter([FIX, SUBMIT, SUBMIT, SUBMIT])

    def __call__(self, body: Body) -> Any:
        if is_asked(body):
            self.asked += 1
            return self.sums_up(body)
        self.steps += 1
        if self.asked >= self.compactions:
            return self.form(next(self.end))
        if self.steps == 3:
            return self.form(call("read_file", path="notes.txt"))
        reads = [self.steps * self.together + at for at in range(self.together)]
        return self.form(*(call("read_file", path=f"part_{at}.py") for at in reads))


def in_fence(made: tuple[str, str]) -> str:
    return f"```json\n{in_json(made)}\n```"


def in_json(made: tuple[str, str]) -> str:
    return json.dumps({"name": made[0], "arguments": json.loads(made[1])})


def files(window: int) -> dict[str, str]:
    lines = min(max(200, window // 64), 700)
    return (
        CALC
        | {"notes.txt": f"The code word is {NEEDLE}.\n"}
        | {f"part_{at}.py": part(at, lines) for at in range(PARTS)}
    )


def part(number: int, lines: int) -> str:
    """A file no line of which stands in another one: reading the same again would be noticed as going nowhere."""
    return "".join(f"def part_{number}_{at}(value):\n    return value * {at} + {number}\n" for at in range(lines))


def started(kind: type[Double], model: Any, window: int) -> Double:
    more = {"trained": window} if issubclass(kind, LlamaCppDouble) else {}
    double = kind(model, window=window, **more)
    double.piece = None
    return double


def ran(kind: type[Double], model: Any, window: int, tmp_path: Path, **more: Any) -> tuple[FinishedSession, Any]:
    with started(kind, model, window) as double:
        return work(
            double, tmp_path, files=files(window), **{"max_steps": 300, "test": "python -m unittest", **more}
        ), double


def starts(later: Body, earlier: Body) -> bool:
    """Whether a request begins with all bytes of another."""
    one, other = (json.dumps([body.get("tools"), body["messages"]]) for body in (earlier, later))
    return other.startswith(one[:-2])


def warnings(worked: FinishedSession) -> list[str]:
    return [event.message for event in worked.of("warned")]


@pytest.mark.parametrize(
    ("kind", "window", "compactions"),
    [(LlamaCpp, 4 * K, 4), (LlamaCpp, 8 * K, 4), (LlamaCpp, 32 * K, 4), (LlamaCpp, 256 * K, 2), (LlamaCpp, K * K, 1),
     (Vllm, 8 * K, 4), (Generic, 32 * K, 4)],
    ids=lambda each: f"{each // K}K" if isinstance(each, int) and each > K else str(getattr(each, "__name__", each)),
)  # fmt: skip
def test_a_session_goes_on_through_full_windows(
    kind: type[Double], window: int, compactions: int, tmp_path: Path
) -> None:
    """peers rows 6, 21, 26, 40: compacted and gone on with, by tokens, a fifth freed, issue and next step kept."""
    model = Worker(compactions, together=max(1, window // (64 * K)))
    worked, double = ran(kind, model, window, tmp_path, context=window)
    assert worked.result.status == "fixed", worked.result.error
    compacted = worked.of("compacted")
    assert len(compacted) == compactions
    assert {event.by for event in compacted} == {"model"}
    assert all(event.after <= (1 - MIN_FREED_SHARE) * event.before for event in compacted)
    assert all(event.before >= 0.55 * window for event in compacted)
    assert double.refused == 0
    assert [body for body in double.requests if counted(body) + body["max_tokens"] > window] == []
    # the same system prompt and tools, the issue word for word, the needle in every prompt that follows it
    first = double.requests[0]
    for began in worked.prompts:
        system, issue = began.messages[:2]
        assert system == first["messages"][0]
        assert issue["content"].startswith(first["messages"][1]["content"])
    assert all(body["tools"] == first["tools"] for body in double.requests)
    prompts = [json.dumps(began.messages) for began in worked.prompts[1:]]
    assert all(ISSUE in prompt and NEEDLE in prompt and prompt.count("Next step:") == 1 for prompt in prompts)
    # a summary is asked for at the end of the live prompt
    for earlier, later in zip(double.requests, double.requests[1:], strict=False):
        assert starts(later, earlier) or is_asked(earlier)
    assert not any("reused" in each for each in warnings(worked))


def test_the_latest_steps_stay_as_they_were(tmp_path: Path) -> None:
    worked, double = ran(LlamaCpp, Worker(2), 16 * K, tmp_path)
    assert worked.result.status == "fixed", worked.result.error
    for compacted, began in zip(worked.of("compacted"), worked.prompts[1:], strict=True):
        kept = began.messages[2:]
        assert compacted.kept >= 1 and kept[0]["role"] == "assistant" and kept[-1]["role"] == "tool"
        asked = next(
            body for body in double.requests if is_asked(body) and body["messages"][-1 - len(kept) : -1] == kept
        )
        assert asked["messages"][-1]["role"] == "user"


@pytest.mark.parametrize("rung", ["text", "constrained"])
def test_it_works_without_native_calls(rung: str, tmp_path: Path) -> None:
    form = in_fence if rung == "text" else in_json
    sums = summary if rung == "text" else (lambda body: json.dumps(
        {"goal": "sums", "constraints": [], "done": ["looked"], "in_progress": [], "decisions": [],
         "facts": [f"the code word is {NEEDLE}"] if NEEDLE in json.dumps(body["messages"]) else [], "next_step": "read on"}))  # fmt: skip
    worker = Worker(3, form=form, sums_up=sums)

    def model(body: Body) -> Any:
        if rung == "constrained" and "response_format" not in body:
            return "I think that the sum is wrong."
        return worker(body)

    with started(LlamaCpp, model, 8 * K) as double:
        double.tools_supported = False  # type: ignore[attr-defined]
        worked = work(double, tmp_path, files=files(8 * K), max_steps=200, test="python -m unittest")
        asked = [body for body in double.requests if is_asked(body)]
    assert worked.result.status == "fixed", worked.result.error
    assert worked.prompts[-1].mode == rung and worked.prompts[-1].reason == "compaction"
    assert [event.by for event in worked.of("compacted")] == ["model"] * 3
    assert all(("response_format" in body) == (rung == "constrained") for body in asked)
    assert NEEDLE in json.dumps(worked.prompts[-1].messages)
    for began in worked.prompts:  # both take turns, as many templates demand
        roles = [message["role"] for message in began.messages[1:]]
        assert roles == (["user", "assistant"] * len(roles))[: len(roles)]
    for body in asked:
        assert body["messages"][-2]["role"] == "assistant"


BAD: dict[str, Any] = {
    "empty": "",
    "nonsense": "lorem ipsum dolor sit amet " * 20,
    "too long": "Goal: x\nDone:\n" + "- and so on and so forth\n" * 1_000 + "Next step: y",
    "a call": calls(call("shell", command="touch /tmp/never-run")),
    "cut": {"content": "Goal: x\nDone:\n- a\nFacts:\n- b\nNext step: re", "finish": "length"},
    "refused": {"status": 400, "body": {"error": {"message": "not now"}}},
}


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_summary_does_no_harm(bad: str, tmp_path: Path) -> None:
    """The first summary is good, the others are not: the program makes them, and keeps what the first one knew."""
    said = 0

    def sums_up(body: Body) -> Any:
        nonlocal said
        said += 1
        return summary(body) if said == 1 else BAD[bad]

    worker = Worker(4, sums_up=sums_up)
    worked, double = ran(LlamaCpp, worker, 8 * K, tmp_path)
    assert worked.result.status == "fixed", worked.result.error
    compacted = worked.of("compacted")
    assert [event.by for event in compacted] == ["model", *["program"] * (len(compacted) - 1)] and len(compacted) >= 2
    assert all(event.reason for event in compacted[1:])
    last = worked.prompts[-1].messages[1]["content"]
    assert ISSUE in last and NEEDLE in last and "mend add only" in last and "read_file part_" in last
    assert last.count("Next step:") == 1 and "Files read: " in last
    assert not any(observed.name == "shell" for observed in worked.observed)
    assert double.refused == 0


def test_plan_and_last_tests_outlive_every_summary(tmp_path: Path) -> None:
    worker = Worker(4)

    def model(body: Body) -> Any:
        if not is_asked(body) and worker.steps in {0, 1} and not worker.asked:
            worker.steps += 1
            return calls(call("plan", steps="[>] find it\n[ ] mend it") if worker.steps == 1 else call("run_tests"))
        return worker(body)

    worked, _ = ran(LlamaCpp, model, 16 * K, tmp_path)
    assert worked.result.status == "fixed", worked.result.error
    assert len(worked.prompts) == 5
    for began in worked.prompts[1:]:
        issue = began.messages[1]["content"]
        assert "[>] find it\n[ ] mend it" in issue
        assert "The last tests:" in issue and "test_add" in issue


def test_two_compactions_in_a_row_that_free_too_little_end_it_with_the_work_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """peers row 21."""
    monkeypatch.setattr(compaction, "MIN_FREED_SHARE", 0.99)
    worker = Worker(99)

    def model(body: Body) -> Any:
        if not is_asked(body) and worker.steps == 0:
            worker.steps += 1
            return calls(FIX)
        return worker(body)

    worked, _ = ran(LlamaCpp, model, 8 * K, tmp_path)
    assert (worked.result.status, worked.result.exit_code) == ("budget", 5)
    assert "window of 8192 tokens is full" in (worked.result.error or "")
    assert worker.asked == compaction.FAILURES and len(worked.of("compacted")) == 1
    assert "return a + b" in worked.result.patch


def test_reading_on_and_on_comes_to_an_end_whatever_is_forgotten_in_between(tmp_path: Path) -> None:
    """peers row 25: thirty compactions in a quarter of an hour, and no end: steps without a change are counted on."""
    worked, _ = ran(LlamaCpp, Worker(1000), 16 * K, tmp_path)
    assert (worked.result.status, worked.result.exit_code) == ("no_patch", 1)
    assert "steps in a row changed nothing" in (worked.result.error or "")
    assert 2 <= len(worked.of("compacted")) < 30


def test_a_window_that_is_smaller_than_it_was_said_to_be_is_kept_to(tmp_path: Path) -> None:
    """peers row 6: an overflow is no end."""
    worker = Worker(2)

    def model(body: Body) -> Any:
        double.window = 10 * K  # from the first reply on
        return worker(body)

    with started(Generic, model, 32 * K) as double:
        worked = work(double, tmp_path, files=files(32 * K), context=32 * K, max_steps=200, test="python -m unittest")
    assert worked.result.status == "fixed", worked.result.error
    assert double.refused in {1, 2}  # type: ignore[attr-defined]
    assert any("window is 10,240 tokens" in each for each in warnings(worked))
    assert worked.of("compacted")


def test_a_template_that_takes_no_question_after_a_result_is_asked_in_the_result(tmp_path: Path) -> None:
    worker = Worker(2)

    def model(body: Body) -> Any:
        if [message["role"] for message in body["messages"][-2:]] == ["tool", "user"]:
            return {"status": 500, "body": {"error": {"message": "roles must alternate", "code": 500}}}
        return worker(body)

    def refusing(body: Body) -> Any:
        answer = model(body)
        return answer if not (isinstance(answer, dict) and "status" in answer) else {**answer, "status": 400}

    worked, double = ran(LlamaCpp, refusing, 8 * K, tmp_path)
    assert worked.result.status == "fixed", worked.result.error
    assert [event.by for event in worked.of("compacted")] == ["model"] * 2
    assert any(is_asked(body) and body["messages"][-1]["role"] == "tool" for body in double.requests)


def test_a_summary_goes_along_when_calls_are_asked_for_in_another_way(tmp_path: Path) -> None:
    worker = Worker(1)

    def model(body: Body) -> Any:
        if worker.asked and "tools" in body:
            return {"status": 400, "body": {"error": {"message": "no tools"}}}
        worker.form = calls if "tools" in body else in_fence
        return worker(body)

    worked, double = ran(LlamaCpp, model, 8 * K, tmp_path)
    assert worked.result.status == "fixed", worked.result.error
    assert [began.mode for began in worked.prompts] == ["native", "native", "text"]
    assert worked.prompts[2].summary == worked.prompts[1].summary != ""
    assert NEEDLE in double.requests[-1]["messages"][1]["content"]


def test_the_journal_alone_gives_the_same_prompt(tmp_path: Path) -> None:
    """A resumed session goes on with the shorter prompt, its summary and its account of the steps."""
    worked, double = ran(LlamaCpp, Worker(2), 8 * K, tmp_path)
    transcript = Transcript.of(worked.events)
    assert transcript.messages[: len(double.requests[-1]["messages"])] == double.requests[-1]["messages"]
    assert transcript.opening == double.requests[0]["messages"][:2]
    assert transcript.activity.files_changed == ["calc.py"] and "notes.txt" in transcript.activity.files_read
