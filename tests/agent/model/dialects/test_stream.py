"""A reply that comes in pieces gives the same calls however it is split, and shows none of their markup."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.model.dialects import DIALECTS, CallStream, TextCalls, parse_text
from tools.registry import Registry

TOOLS = {schema["function"]["name"]: schema["function"]["parameters"] for schema in Registry().schemas()}

CALLS = [dialect.write("shell", '{"command": "ls"}') for dialect in DIALECTS.values()] + [
    "```bash\nls\n```",
    "<function=shell>\n<parameter=command>\nls\n</parameter>\n</function>\n</tool_call>",
    '<invoke name="shell"><parameter name="command">ls</parameter></invoke>',
    '<｜DSML｜function_calls>\n<｜DSML｜invoke name="shell">{"command": "ls"}</｜DSML｜invoke>',
    '<|python_tag|>shell.call(command="ls")',
    '{"name": "shell", "arguments": {"command": "ls"}}\n</tool_call>',
    '[shell(command="ls")]',
]


def stream(pieces: list[str]) -> tuple[str, str, TextCalls]:
    """What is shown as the pieces come, what at the end, and the calls."""
    calls = CallStream(TOOLS)
    shown = "".join(calls.feed(piece) for piece in pieces)
    found = calls.finish()
    return shown, calls.rest, found


def bare(found: TextCalls) -> tuple[list[tuple[str, str]], str, str]:
    return [(call.name, call.arguments) for call in found.calls], found.dialect, found.content


@pytest.mark.parametrize("call", CALLS)
def test_prose_is_shown_at_once_and_markup_never(call: str) -> None:
    text = f"<think>I may write {call}</think>I look.\n{call}"
    calls = CallStream(TOOLS)
    shown = ""
    for place, character in enumerate(text):
        shown += calls.feed(character)
        if place == text.index("I look.\n") + len("I look."):
            assert shown == "I look."
    found = calls.finish()
    assert shown + calls.rest == ("I look.\n" if found.calls else f"I look.\n{call}")
    assert bare(found) == bare(parse_text(text, TOOLS))


def test_code_in_prose_is_shown_as_it_comes() -> None:
    calls = CallStream(TOOLS)
    assert calls.feed("So:\n```python\nx = 1") == "So:\n```python\nx = 1"
    assert calls.feed("\n``") == "\n"
    assert calls.feed("`\nThen ") == "```\nThen "
    assert calls.feed("`<b>` and a < b.") == "`<b>` and a < b."
    assert calls.finish().calls == () and calls.rest == ""


def test_a_command_is_held_back_until_a_second_fence_shows_it_is_none() -> None:
    calls = CallStream(TOOLS)
    assert calls.feed("Run\n```bash\nls\n```\nor\n") == "Run\n"
    assert calls.feed("```bash\nls -l\n```\n") == "```bash\nls\n```\nor\n```bash\nls -l\n```"
    assert calls.finish().calls == () and calls.rest == "\n"


def test_what_looked_like_a_call_is_given_at_the_end() -> None:
    assert stream(["Use <tool", "_call> tags."])[:2] == ("Use ", "<tool_call> tags.")
    assert stream(["{not", " json"])[:2] == ("", "{not json")


def test_a_thought_without_a_beginning_is_not_told_again() -> None:
    shown, rest, found = stream(["Hm.</th", "ink>\n", "I look.\n", CALLS[1]])
    assert (shown, rest, found.content, len(found.calls)) == ("Hm.\nI look.\n", "", "I look.", 1)
    assert stream(["Hm, ```bash\nls\n``", "`</think>I look."])[:2] == ("Hm, I look.", "")


PIECES = st.sampled_from([
    *CALLS, "I look.", "\n", " ", "`", "``", "```", "```json\n", "```bash\n", "```python\n", "````\n", "<think>", "</think>", "<", "</", "{", "}", "[", "]",
    "<tool_call>", "</tool_call>", "<function=shell>", "</function>", "<parameter=command>", "</parameter>", "[TOOL_CALLS]", "shell", "[ARGS]",
    "<|channel|>", "<|message|>", "commentary to=functions.shell", "analysis", "final", "<|end|>", "<|call|>", "<｜tool▁call▁begin｜>", "<｜tool▁sep｜>",
    '"command"', ": ", '"ls"', '{"name": "shell", "arguments": ', "\\", "'", "x", "é", "\ud800",
])  # fmt: skip
TEXTS = st.lists(PIECES, max_size=10).map("".join) | st.text(max_size=20)


@settings(derandomize=True, deadline=None, database=None, max_examples=700)
@given(text=TEXTS, data=st.data())
def test_any_split_gives_the_same(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=8)))
    pieces = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    whole = stream([text])
    for split in (pieces, list(text)):
        shown, rest, found = stream(split)
        assert (shown, rest) == whole[:2]
        assert bare(found) == bare(whole[2]) == bare(parse_text(text, TOOLS))


@settings(derandomize=True, deadline=None, database=None, max_examples=500)
@given(text=TEXTS)
def test_what_is_shown_is_the_content(text: str) -> None:
    shown, rest, found = stream(list(text))
    if "</think>" not in text:
        assert (shown + rest).strip() == found.content
    assert (shown + rest).strip().endswith(found.content)


@settings(derandomize=True, deadline=None, database=None, max_examples=400)
@given(text=TEXTS)
def test_no_text_breaks_the_reading(text: str) -> None:
    found = parse_text(text, TOOLS)
    assert bool(found.calls) == bool(found.dialect)
    for call in found.calls:
        assert isinstance(json.loads(call.arguments), dict)
        json.dumps(json.loads(call.arguments), ensure_ascii=False).encode()


def test_200_kb_in_small_pieces_are_read_to_their_end() -> None:
    text = "I look. `a < b` [1] {x}\n" * 8_000
    shown, rest, found = stream([text[start : start + 4] for start in range(0, len(text), 4)])
    assert shown + rest == text and found.content == text.strip()
