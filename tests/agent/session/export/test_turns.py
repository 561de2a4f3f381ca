"""Who said what: each reply whole with its results, nothing twice."""

from __future__ import annotations

from recorded import backend, call, finished, prompt, ran, reply, started

from agent.session.events import Event, Observed, SnapshotTaken, ToolCalled, UserSaid, Warned
from agent.session.export.turns import EventTurn, MessageTurn, ReplyTurn, Turn, text_of, turns
from agent.session.records import Record


def of(*events: Event) -> list[Turn]:
    return list(turns(Record(number, float(number), event) for number, event in enumerate(events)))


def short(found: list[Turn]) -> list[str]:
    """Each turn in a word."""
    words = []
    for turn in found:
        if isinstance(turn, MessageTurn):
            words.append(f"{turn.role}: {turn.content}")
        elif isinstance(turn, ReplyTurn):
            results = ",".join(event.content for _, event in turn.results)
            words.append(f"{turn.reply.content if turn.reply else 'program'} → {results}")
        else:
            words.append(turn.event.kind)
    return words


def test_a_reply_has_its_results_and_the_tree_after_it() -> None:
    found = of(*finished("some-session"))
    replies = [turn for turn in found if isinstance(turn, ReplyTurn)]
    assert [[event.content for _, event in turn.results] for turn in replies] == [["1\ta = 1"], ["[exit code 0]"]]
    assert [turn.tree for turn in replies] == ["", "b" * 40]
    assert [turn.time for turn in replies] == [4.0, 7.0]


def test_what_comes_between_a_call_and_its_result_stands_behind_the_reply() -> None:
    one, two = call("c1"), call("c2")
    first, second = ran(one, "1"), ran(two, "2")
    found = of(reply("both", one, two), first[0], Warned(message="!"), first[1], *second, UserSaid(content="on"))
    assert short(found) == ["both → 1,2", "warned", "user: on"]


def test_a_prompt_that_begins_anew_brings_only_what_is_new() -> None:
    made = call("c1")
    opening = [("system", "You."), ("user", "Issue.")]
    again = [*opening, ("assistant", "first"), ("user", "shell:\nseen"), ("user", "Summary.")]
    found = of(
        started("some-session"), prompt(*opening), reply("first", made), *ran(made, "seen"),
        prompt(*again, reason="compaction"), reply("second"),
    )  # fmt: skip
    assert short(found) == [
        "system: You.", "user: Issue.", "first → seen", "prompt_began", "user: Summary.", "second → ",
    ]  # fmt: skip


def test_calls_that_no_reply_made_are_the_programs() -> None:
    one, two = call("p1"), call("p2")
    seen = [Observed(call_id=each.id, name="shell", ok=True, content=each.id) for each in (one, two)]
    found = of(reply("thought"), ToolCalled(call=one), ToolCalled(call=two), *seen, reply("next"))
    assert short(found) == ["thought → ", "program → p1,p2", "next → "]


def test_a_result_that_comes_late_is_not_lost() -> None:
    late = Observed(call_id="c1", name="shell", ok=False, content="interrupted")
    assert short(of(reply("cut", call("c1")), reply("next"), late)) == ["cut → ", "next → ", "observed"]


def test_a_call_that_was_cut_off_leaves_the_reply_without_a_result() -> None:
    made = call("c1")
    assert short(of(backend(), reply("cut", made), ToolCalled(call=made))) == ["backend_found", "cut → "]


def test_a_snapshot_of_no_reply_is_an_event() -> None:
    assert [type(turn) for turn in of(SnapshotTaken(tree="a" * 40))] == [EventTurn]


def test_content_in_parts() -> None:
    assert text_of([{"type": "text", "text": "a"}, {"type": "image"}, {"type": "text", "text": "b"}]) == "a\n\nb"
    assert text_of(None) == ""
