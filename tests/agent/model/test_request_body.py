"""Bodies are what they were meant to be, whatever was written before; what was written once is not written again."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model import request_body
from agent.model.request_body import BodyWriter

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
MESSAGES = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant"]), "content": TEXT}), max_size=6
)


def message(content: str) -> dict[str, Any]:
    return {"role": "user", "content": content}


@given(pool=MESSAGES, picks=st.lists(st.lists(st.integers(0, 5), max_size=8), max_size=8))
def test_every_body_says_what_was_asked(pool: list[dict[str, Any]], picks: list[list[int]]) -> None:
    writer = BodyWriter()
    for number, pick in enumerate(picks):
        messages = [pool[at % len(pool)] for at in pick if pool]
        body = {"model": "m", "messages": messages, "max_tokens": number, "extra_body": {"id_slot": 1}}
        told = {"model": "m", "messages": messages, "max_tokens": number, "id_slot": 1}
        assert json.loads(writer.write(body)) == told


def test_a_body_that_goes_on_begins_with_all_bytes_of_the_last_one() -> None:
    writer, messages = BodyWriter(), [message("first")]
    before = writer.write({"model": "m", "messages": messages})
    after = writer.write({"model": "m", "messages": [*messages, message("sécond")]})
    assert after.startswith(before.removesuffix(b"]}"))
    assert "sécond".encode() in after


def test_what_was_written_is_not_written_again(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[Any] = []
    dumps = request_body.dumps
    monkeypatch.setattr(request_body, "dumps", lambda value: written.append(value) or dumps(value))
    writer, messages = BodyWriter(), [message(str(at)) for at in range(50)]
    for length in range(40, 51):
        writer.write({"model": "m", "messages": messages[:length]})
    assert [each["content"] for each in written if "content" in each] == [str(at) for at in range(50)]


def test_half_a_surrogate_pair_can_be_sent() -> None:
    body = {"model": "m", "messages": [message("\ud83d")]}
    assert json.loads(BodyWriter().write(body))["messages"][0]["content"] == "?"
