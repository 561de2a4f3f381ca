"""What leaves with an export: no credential, no home directory, nothing that JSON or UTF-8 can't hold."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.session.export.masking import Mask

LETTERS = "aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zA"  # so that no credential stands in this file whole
JWT = f"eyJ{LETTERS}.eyJ{LETTERS}.{LETTERS}"
PEM = "-----BEGIN {0}PRIVATE KEY-----\n{1}\n-----END {0}PRIVATE KEY-----"


@pytest.mark.parametrize(
    "secret",
    [
        "ghp_" + LETTERS + "abcd",
        "github_pat_" + LETTERS,
        "glpat-" + LETTERS,
        "sk-" + LETTERS,
        "sk-ant-api03-" + LETTERS,
        "hf_" + LETTERS,
        "AKIA" + "ABCDEFGHIJKLMNOP",
        "AIza" + LETTERS + "abc",
        "xoxb-" + LETTERS,
        "npm_" + LETTERS + "abcd",
        "pypi-AgEI" + LETTERS * 2,
        JWT,
        PEM.format("RSA ", LETTERS),
        PEM.format("", LETTERS),
        PEM.format("OPENSSH ", LETTERS)[:60],  # cut off
    ],
)
def test_credentials_by_their_shape(secret: str) -> None:
    mask = Mask()
    for around in ("token: {}", "{}", "x = '{}", "\\n{}", "({}", "at https://host/{}"):
        assert mask.text(around.format(secret)) == around.format("***")


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        (f"Authorization: Bearer {LETTERS}", "Authorization: Bearer ***"),
        (f"-H 'authorization: token {LETTERS}'", "-H 'authorization: token ***'"),
        ("git clone https://me:hunter2xyz@host/r.git", "git clone https://me:***@host/r.git"),
        (json.dumps(f'"Authorization": "Bearer {LETTERS}"'), json.dumps('"Authorization": "Bearer ***"')),
        (json.dumps(f'x\nMY_SECRET="{LETTERS}"'), json.dumps('x\nMY_SECRET="***"')),
        (f"export DEPLOY_TOKEN={LETTERS}", "export DEPLOY_TOKEN=***"),
        ("DB_PASSWORD='s3cret-word'", "DB_PASSWORD='***'"),
    ],
)
def test_credentials_by_what_stands_before(text: str, masked: str) -> None:
    assert Mask().text(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "token = get_token()",
        'API_KEY = os.environ["API_KEY"]',
        "TOKEN=$(cat token)",
        "task-runner risk-assessment-of-the-whole-thing",
        "c0ffee" * 6 + "c0ff",
        "http://host:8080/path@2",
        "def test_ghp_(): ...",
        "https://user@host/x",
    ],
)
def test_code_stays_as_it_is(text: str) -> None:
    assert Mask("/home/ada").text(text) == text


def test_a_key_within_a_calls_arguments() -> None:
    arguments = json.dumps({"command": f"echo '{PEM.format('EC ', LETTERS)}' > k; cat k"})
    masked = Mask().text(arguments)
    assert json.loads(masked) == {"command": "echo '***' > k; cat k"}


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("/home/ada", "~"),
        ("in /home/ada/code/x.py:3", "in ~/code/x.py:3"),
        ('"/home/ada/x"', '"~/x"'),
        ("/home/adam/x", "/home/adam/x"),
        ("/mnt/home/ada/x", "/mnt/home/ada/x"),
        (json.dumps("a\n/home/ada/x"), json.dumps("a\n~/x")),
    ],
)
def test_the_home_directory(text: str, masked: str) -> None:
    assert Mask("/home/ada").text(text) == masked


@pytest.mark.parametrize("home", ["/", "/root", ""])
def test_a_home_that_tells_of_nobody_stays(home: str) -> None:
    assert Mask(home).text("/root/.cache /usr/lib") == "/root/.cache /usr/lib"


def test_every_text_within_a_value() -> None:
    value = {"a": [f"ghp_{LETTERS}abcd", 3, None, True], "/home/ada/k": {"t": ("/home/ada",)}, "f": float("inf")}
    assert Mask("/home/ada").value(value) == {"a": ["***", 3, None, True], "~/k": {"t": ["~"]}, "f": "inf"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec=None)), inner),
    max_leaves=20,
)


@given(JSON, st.booleans())
def test_what_is_written_is_always_one_line_of_json_in_utf_8(value: object, ascii_only: bool) -> None:
    line = Mask("/home/ada").dump(value, ascii_only=ascii_only)
    assert "\n" not in line
    json.loads(line.encode(), parse_constant=pytest.fail)
    assert line.isascii() or not ascii_only


@pytest.mark.parametrize("text", ["://" * 100_000, "A" * 300_000, "eyJ" * 100_000, "sk-" * 100_000, "A_" * 100_000])
def test_text_made_to_be_slow_is_not(text: str) -> None:
    assert Mask("/home/ada").text(text).replace("***", "").strip("sk-A_eyJ:/") == ""


def test_keys_without_an_end_take_the_rest_once() -> None:
    assert Mask().text("-----BEGIN PRIVATE KEY-----" * 10_000) == "***"
