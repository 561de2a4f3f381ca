"""A server that reads only a part of a prompt is noticed by what it counts, and nothing else is taken for that."""

from __future__ import annotations

from typing import Any

import pytest
from asking import ask
from doubles import GenericDouble, OllamaDouble
from doubles.base import Body

from agent.errors import PromptTruncated
from agent.model.client import count_words
from agent.model.types import Request

TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}]
SYSTEM = {"role": "system", "content": "be brief " * 100}


class Counting(GenericDouble):
    """Counts prompts as it is told to, one figure a request; without figures, one token for three characters."""

    def __init__(self, *answers: Any) -> None:
        self.figures: list[int] = []
        super().__init__(*(answers or ("Hello",)), window=1 << 30)

    def prompt_tokens(self, body: Body) -> int:
        """The figure for the request that is being answered."""
        at = len(self.requests) - 1
        return self.figures[at] if 0 <= at < len(self.figures) else self.counted(body)

    def counted(self, body: Body) -> int:
        """By length."""
        return sum(len(str(message)) for message in [*body["messages"], *body.get("tools", [])]) // 3


class ThoughtsDropped(Counting):
    """A template that leaves the model's thoughts out of all turns before the user's last word."""

    def counted(self, body: Body) -> int:
        """What is left."""
        last = max(at for at, message in enumerate(body["messages"]) if message["role"] == "user")
        kept = [
            {**message, "content": message["content"].split("</think>")[-1]}
            if message["role"] == "assistant" and at < last
            else message
            for at, message in enumerate(body["messages"])
        ]
        return super().counted({**body, "messages": kept})


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def said(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


def test_words_are_counted_without_what_the_model_said() -> None:
    assert count_words([user("two words"), said("any number of them"), user("a_b, c-d: é!")]) == 7
    assert (
        count_words(
            [user(""), {"role": "tool", "tool_call_id": "1", "content": "one"}, {"role": "user", "content": None}]
        )
        == 1
    )


def test_fewer_tokens_than_words_in_the_first_request_are_noticed() -> None:
    with Counting() as double:
        double.figures = [2_048]
        with pytest.raises(PromptTruncated) as caught:
            ask(double, Request([SYSTEM, user("word " * 5_000)], 100))
    assert "2,048" in caught.value.message and "5,200" in caught.value.message
    assert caught.value.hint and caught.value.exit_code == 3


def test_it_is_noticed_where_ollama_does_it() -> None:
    with OllamaDouble("Hello", old=True, trained=8_192) as double:
        with pytest.raises(PromptTruncated):
            ask(double, Request([SYSTEM, user("word " * 9_000)], 100))
        assert len(double.requests) == 1


def test_a_prompt_that_goes_on_but_is_counted_as_smaller_is_noticed() -> None:
    first = [SYSTEM, user("x" * 30_000)]  # one word only, but many tokens
    with Counting() as double:
        double.figures = [10_300, 5_000]
        with pytest.raises(PromptTruncated):
            ask(double, Request(first, 100), Request([*first, said("so"), user("go on")], 100))
        assert len(double.requests) == 2


def test_counts_that_grow_with_the_prompt_are_in_order() -> None:
    messages = [SYSTEM, user("read it all, word by word")]
    requests = []
    for number in range(8):
        requests.append(Request(list(messages), 100, TOOLS))
        messages += [said(f"step {number}"), user(f"result {number} " * 200)]
    with Counting() as double:
        assert len(ask(double, *requests).replies) == 8


@pytest.mark.parametrize(
    "second",
    [
        Request([SYSTEM, user("word " * 1_000), said("so"), user("go on")], 100),  # the tools are gone
        Request([SYSTEM, user("a question of the program's own")], 100, TOOLS),
        Request([SYSTEM], 100, TOOLS),
    ],
    ids=["tools removed", "a side question", "a shorter prompt"],
)
def test_another_prompt_may_be_shorter(second: Request) -> None:
    first = Request([SYSTEM, user("word " * 1_000)], 100, TOOLS * 200)
    with Counting() as double:
        replies = ask(
            double, first, second, Request([*first.messages, said("so"), user("on")], 100, TOOLS * 200)
        ).replies
    assert replies[1].usage.prompt_tokens < replies[0].usage.prompt_tokens


def test_thoughts_that_a_template_drops_are_no_cut() -> None:
    thought = said("<think>" + "I wonder about this. " * 500 + "</think>So:")
    started = [SYSTEM, user("fix it")]
    acted = [*started, thought, {"role": "tool", "tool_call_id": "1", "content": "done"}]
    with ThoughtsDropped() as double:
        replies = ask(
            double, Request(started, 100), Request(acted, 100), Request([*acted, thought, user("call a tool")], 100)
        ).replies
    counts = [reply.usage.prompt_tokens for reply in replies]
    assert counts[2] < counts[1]  # the template really drops them


@pytest.mark.parametrize("figure", [0, 1, 150])
def test_a_short_prompt_and_one_that_is_not_counted_prove_nothing(figure: int) -> None:
    with Counting() as double:
        double.figures = [figure]
        text = "word " * (190 if figure else 50_000)
        assert ask(double, Request([user(text)], 100)).reply.content == "Hello"


def test_a_large_prompt_in_one_word_a_line_is_not_doubted() -> None:
    with Counting() as double:
        lines = "\n".join(f"line{number}" for number in range(20_000))
        double.figures = [20_002]  # a tokenizer that has a token for every word
        assert ask(double, Request([user(lines)], 100)).reply.content == "Hello"
