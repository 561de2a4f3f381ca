"""What this process knows to be secret is masked, in whatever form it is written."""

from __future__ import annotations

import base64
import html
import json
from urllib.parse import quote, quote_plus

import pytest

from agent import redaction
from agent.redaction import know_environment, know_secret, know_url, mask, mask_addresses, without_user_information

SECRETS = [
    "sk-0123456789",
    'with"quote\\and',
    "passwört-1",
    'bö"th\\',
    "line\nbreak",
    "a+b/c=d&e",
    "tab\tand'quote\"",
    "x\x00y\x1bz-1",
]


@pytest.fixture(autouse=True)
def _unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_known", redaction._Known())


@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_is_masked_in_every_form(secret: str) -> None:
    assert mask(f"the key is {secret}") == f"the key is {secret}"
    know_secret(secret)
    error = ValueError(f"bad key {secret}")
    for text in (
        secret, repr(secret), ascii(secret), repr(secret.encode()), repr(error), repr(repr(error)), str({"key": secret}),
        json.dumps({"key": secret}), json.dumps(secret, ensure_ascii=False), json.dumps(json.dumps(secret)),
        quote(secret, safe=""), quote_plus(secret), f"http://h/?key={quote(secret)}&x=1", html.escape(secret),
        base64.b64encode(secret.encode()).decode(), f"{error!r} from {[secret]!r}",
    ):  # fmt: skip
        masked = mask(f"a {text} b")
        assert "***" in masked and secret not in masked
        assert secret[:5] not in masked.replace("***", "")


@pytest.mark.parametrize("secret", ["", "none", "kind", "ollama", "EMPTY", "lm-studio", "not-needed", "password", None])
def test_ordinary_words_are_left_alone(secret: str | None) -> None:
    know_secret(secret)
    assert mask("none of the kind; ollama, EMPTY, lm-studio: not-needed password") == (
        "none of the kind; ollama, EMPTY, lm-studio: not-needed password"
    )


@pytest.mark.parametrize(
    ("url", "text", "masked"),
    [
        (
            "https://user:hunter-22@h/x",
            "fatal: https://user:hunter-22@h/x hunter-22",
            "fatal: https://user:***@h/x ***",
        ),
        ("https://user:p%40ss%2Fw@h", "p@ss/w and p%40ss%2Fw", "*** and ***"),
        ("https://t0ken-0123456789@h", "t0ken-0123456789", "***"),
        ("https://octocat@h", "octocat", "octocat"),
        ("ssh://git@h/x", "git", "git"),
        ("http://[::1", "x", "x"),
        ("me:pr0xy-pass@proxy:3128", "pr0xy-pass", "***"),
        ("http://h/v1?api_key=QUERYKEY12345&x=1", "x QUERYKEY12345", "x ***"),
        ("http://h/v1?x=ordinary&access_token=a%2Fb-12345", "a/b-12345 a%2Fb-12345 ordinary", "*** *** ordinary"),
        ("http://h/v1?subscription-key=0123456&keyword=ordinary", "0123456 ordinary", "*** ordinary"),
        ("https://user:hunter-22@h", base64.b64encode(b"user:hunter-22").decode(), "***"),
    ],
)
def test_user_information_of_an_address_is_masked(url: str, text: str, masked: str) -> None:
    know_url(url)
    assert mask(text) == masked


def test_addresses_in_errors_are_masked_whosever_they_are() -> None:
    assert (
        mask_addresses("can't reach http://a:b@h/x or https://tok@g") == "can't reach http://***@h/x or https://***@g"
    )
    assert mask_addresses("at http://h/v1?api_key=k&x=1&token=t, http://h?key=s#a") == (
        "at http://h/v1?api_key=***&x=1&token=*** http://h?key=***#a"
    )
    assert without_user_information("https://a:b@h/x@y") == "https://h/x@y"


def test_the_environments_secrets_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", "abcdef-123456")
    monkeypatch.setenv("DB_PASSWORD", "password")
    monkeypatch.setenv("TOKEN_FILE", "/run/secrets/token-1")
    monkeypatch.setenv("HTTPS_PROXY", "http://me:pr0xy-pass@proxy:3128")
    know_environment()
    assert mask("abcdef-123456 password /run/secrets/token-1 pr0xy-pass") == "*** password /run/secrets/token-1 ***"
