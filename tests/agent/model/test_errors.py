"""What servers say when something is wrong: what may be gone next time, what is too long, what is final."""

from __future__ import annotations

import itertools
import json
from typing import Any

import httpx2
import pytest

from agent.errors import BackendError, BackendRefused, BackendUnreachable, ContextOverflow, ReplyUnparsable
from agent.model.errors import (
    RetryableError,
    body_of,
    connection_error,
    incomplete_stream,
    is_connection_error,
    message_of,
    status_error,
    stream_error,
)

LLAMA_CPP = "request (20000 tokens) exceeds the available context size (16384 tokens), try increasing it"
VLLM = (
    "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens (8000 in the messages, "
    "1000 in the completion). Please reduce the length of the messages or completion."
)
OVERFLOWS = {
    "llama.cpp": ({"error": {"code": 400, "message": LLAMA_CPP, "type": "exceed_context_size_error",
                             "n_prompt_tokens": 20000, "n_ctx": 16384}}, 16384),
    "llama.cpp, its words only": ({"error": {"message": LLAMA_CPP}}, 16384),
    "llama.cpp, older": ({"error": {"message": "the request exceeds the available context size, try increasing it"}}, None),
    "vLLM": ({"error": {"message": VLLM, "type": "BadRequestError", "code": 400}}, 8192),
    "vLLM, flat": ({"object": "error", "message": VLLM, "code": 400}, 8192),
    "vLLM, by max_tokens": (
        {"message": "'max_tokens' or 'max_completion_tokens' is too large: 8000. This model's maximum context length is "
                    "4096 tokens and your request has 2778 input tokens (8000 > 4096 - 2778)."}, 4096),
    "vLLM, newer": (
        {"error": {"message": "This model's maximum context length is 32768 tokens. However, you requested 4096 output "
                              "tokens and your prompt contains at least 28673 input tokens, for a total of at least "
                              "32769 tokens."}}, 32768),
    "vLLM, its engine": (
        {"error": {"message": "The decoder prompt (length 5951) is longer than the maximum model length of 4096. Make "
                              "sure that `max_model_len` is no smaller than the number of text tokens."}}, 4096),
    "SGLang": (
        {"object": "error", "message": "The input (9001 tokens) is longer than the model's context length (8192 tokens)."},
        8192),
    "SGLang, input": (
        {"message": "Input length (9001 tokens) exceeds the maximum allowed length (8186 tokens). Use a shorter input or "
                    "enable --allow-auto-truncate."}, 8186),
    "SGLang, total": (
        {"message": "Requested token count exceeds the model's maximum context length of 8192 tokens. You requested a "
                    "total of 9100 tokens: 8100 tokens from the input messages and 1000 tokens for the completion."}, 8192),
    "LM Studio": (
        {"error": "Trying to keep the first 9000 tokens when context the overflows. However, the model is loaded with "
                  "context length of only 4096 tokens, which is not enough."}, 4096),
    "LM Studio, to keep": (
        {"error": "The number of tokens to keep from the initial prompt is greater than the context length (n_keep: "
                  "13055>= n_ctx: 4096). Try to load the model with a larger context length."}, 4096),
    "LM Studio, newer": ({"error": "Cannot truncate prompt with n_keep (15028) >= n_ctx (7424)"}, 7424),
    "Ollama": (
        {"error": "the prompt is longer than the context length currently available to the model; shorten the prompt, "
                  "adjust the context length in settings, or use a model with a longer context length"}, None),
    "Ollama, its runner": ({"error": f"{LLAMA_CPP}"}, 16384),
    "Ollama, input": ({"error": "the input length exceeds the context length"}, None),
    "OpenAI": (
        {"error": {"message": "This model's maximum context length is 4097 tokens. However, your messages resulted in 5613 "
                              "tokens.", "type": "invalid_request_error", "code": "context_length_exceeded"}}, 4097),
}  # fmt: skip


@pytest.mark.parametrize("name", OVERFLOWS)
def test_every_servers_words_for_too_long_are_known_with_the_window(name: str) -> None:
    said, window = OVERFLOWS[name]
    found = status_error(400, said, {})
    assert isinstance(found, ContextOverflow)
    assert found.window == window
    assert found.exit_code == 3 and "--context" in found.hint


@pytest.mark.parametrize("name", OVERFLOWS)
def test_it_is_known_inside_a_stream_and_under_any_status_too(name: str) -> None:
    said, window = OVERFLOWS[name]
    assert isinstance(status_error(500, said, {}), ContextOverflow)
    inside = stream_error(message_of(said))
    assert isinstance(inside, ContextOverflow)
    assert inside.window == window


@pytest.mark.parametrize(
    "message",
    [
        "Rate limit exceeded, try again in 2 s",
        "Unrecognized request argument supplied: min_p",
        "this model does not support tools",
        "the server's queue length exceeds its limit",
        "messages: field required",
        "image size exceeds the limit",
    ],
)
def test_other_complaints_are_not_taken_for_it(message: str) -> None:
    for status in (400, 429, 500):
        assert not isinstance(status_error(status, {"error": {"message": message}}, {}), ContextOverflow)


def test_too_many_requests_are_no_overflow_whatever_the_words() -> None:
    message = "Rate limit exceeded for requests with more than 32768 tokens of context"
    assert isinstance(status_error(429, {"error": {"message": message}}, {"retry-after": "2"}), RetryableError)


# ---------------------------------------------------------------- what may be gone next time


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504])
def test_what_may_be_gone_next_time(status: int) -> None:
    found = status_error(status, {"error": {"message": "busy"}}, {})
    assert isinstance(found, RetryableError)
    assert isinstance(found.error, BackendRefused) and found.error.status == status
    assert (found.retry_after, found.idle) == (None, False)
    assert found.error.message == f"the model server answered {status}: busy"


@pytest.mark.parametrize("status", [300, 400, 401, 402, 403, 404, 405, 413, 415, 422, 451, 501, 505])
# peers row 8
def test_what_asking_again_can_not_mend(status: int) -> None:
    found = status_error(status, {"error": {"message": "no"}}, {})
    assert isinstance(found, BackendRefused)
    assert (found.status, found.exit_code) == (status, 3)


@pytest.mark.parametrize(("status", "hint"), [(401, "API key"), (403, "API key"), (404, "--model"), (400, "log")])
def test_a_refusal_says_what_to_look_at(status: int, hint: str) -> None:
    found = status_error(status, None, {})
    assert isinstance(found, BackendRefused)
    assert hint in found.hint


@pytest.mark.parametrize(
    ("told", "after"),
    [
        ("0", 0.0), ("7", 7.0), ("1.5", 1.5), ("", None), ("soon", None), ("-3", None), ("1.2.3", None),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None), ("nan", None), ("inf", None), (".", None), ("²", None),
    ],
)  # fmt: skip
def test_retry_after_is_read_where_it_is_seconds(told: str, after: float | None) -> None:
    found = status_error(429, {}, {"retry-after": told})
    assert isinstance(found, RetryableError)
    assert found.retry_after == after


def test_arguments_that_are_no_json_are_refused_for_ever() -> None:
    message = "Failed to parse tool call arguments as JSON: [json.exception.parse_error.101] parse error"
    assert isinstance(status_error(500, {"error": {"message": message}}, {}), BackendRefused)


@pytest.mark.parametrize(
    "message",
    [
        "Failed to parse input at pos 38: <tool_call>\n<function=shell>\n",
        "The model produced output that does not match the expected peg-native format",
        "error parsing tool call: raw='{\"a\"', err=unexpected end of JSON input",
    ],
)
def test_a_reply_its_server_can_not_parse(message: str) -> None:
    for found in (status_error(500, {"error": {"message": message}}, {}), stream_error(message)):
        assert isinstance(found, ReplyUnparsable)


# ---------------------------------------------------------------- words


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"error": {"message": " no slot "}}, "no slot"),
        ({"error": "no slot"}, "no slot"),
        ({"message": "no slot"}, "no slot"),
        ({"detail": "no slot"}, "no slot"),
        ("no slot", "no slot"),
        ({"error": {"message": ""}}, "else"),
        ({"error": {"message": None}}, "else"),
        ({"error": None}, "else"),
        ({"error": []}, "else"),
        ({"detail": [{"loc": ["body"], "msg": "field required"}]}, "else"),
        ({}, "else"),
        ([], "else"),
        (None, "else"),
        (7, "else"),
    ],
)
def test_the_words_of_an_error_stand_in_many_places(body: Any, words: str) -> None:
    assert message_of(body, "else") == words
    refused = status_error(404, body, {})
    assert isinstance(refused, BackendRefused) and words.replace("else", "status 404") in refused.message


def test_without_any_words_the_status_is_told() -> None:
    told = status_error(404, None, {})
    assert isinstance(told, BackendRefused)
    assert told.message == "the model server answered 404: status 404"


def chained(*errors: Exception) -> Exception:
    """The first error, each caused by the next."""
    for one, cause in itertools.pairwise(errors):
        one.__cause__ = cause
    return errors[0]


def test_a_lost_connection_and_an_idle_one_are_kept_apart() -> None:
    lost = connection_error("http://a/v1", chained(RuntimeError("Connection error."), OSError("refused")))
    assert not lost.idle
    assert isinstance(lost.error, BackendUnreachable)
    assert "http://a/v1" in lost.error.message and lost.error.message.endswith("refused")
    assert "--base-url" in lost.error.hint
    for error in (
        chained(RuntimeError("Request timed out."), httpx2.ReadTimeout("")),
        chained(RuntimeError("x"), httpx2.ReadTimeout(""), TimeoutError()),
        httpx2.ReadTimeout(""),
    ):
        idle = connection_error("http://a/v1", error)
        assert idle.idle and "sends nothing" in idle.error.message
    assert not connection_error("http://a/v1", httpx2.ConnectTimeout("")).idle


@pytest.mark.parametrize(
    ("error", "is_the_connections"),
    [
        (httpx2.ReadError("reset"), True),
        (httpx2.StreamClosed(), True),
        (ConnectionResetError(), True),
        (json.JSONDecodeError("no", "", 0), True),
        (UnicodeDecodeError("utf-8", b"", 0, 1, "no"), True),
        (KeyError("ours"), False),
        (ImportError("ours"), False),
        (type("ReadTimeout", (Exception,), {"__module__": "httpx2"})(), False),
    ],
    ids=repr,
)
def test_whose_an_error_is_goes_by_its_type(error: Exception, is_the_connections: bool) -> None:
    assert is_connection_error(error) is is_the_connections


def test_a_body_that_is_no_json_is_its_beginning() -> None:
    assert body_of(' {"error": "no"} ') == {"error": "no"}
    assert body_of("\n<html>" + "x" * 9000) == "<html>" + "x" * 294


def test_an_error_without_words_is_told_by_its_name() -> None:
    assert "ConnectionResetError" in connection_error("http://a/v1", ConnectionResetError()).error.message


def test_a_stream_that_breaks_may_be_whole_next_time() -> None:
    for found in (incomplete_stream(), stream_error("slot lost")):
        assert isinstance(found, RetryableError)
        assert isinstance(found.error, BackendError) and found.error.exit_code == 3
