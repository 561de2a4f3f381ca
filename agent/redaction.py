"""The secrets that this process knows, masked in whatever leaves it: events, standard error, files.

They are known by value, in the forms in which a library, a server or an error message writes them. What merely looks
like a secret is not touched here, since it may be the code that is worked on; exports do that (session/export/masking).
"""

from __future__ import annotations

import base64
import html
import json
import os
import re
from urllib.parse import quote, quote_plus, unquote, unquote_plus, urlsplit

MASKED = "***"
_MIN_CHARACTERS = 6
_MIN_ENVIRONMENT_CHARACTERS = 12
_PLACEHOLDERS = frozenset(
    {"ollama", "lm-studio", "lmstudio", "not-needed", "no-key", "no-key-required", "sk-no-key-required", "token-abc123",
     "api-key", "api_key", "secret", "password"}
)  # fmt: skip
"""What the documentation of model servers has people give where there is no key, and words that code is full of."""
_NAMED_SECRET = re.compile(r"TOKEN|SECRET|PASSW|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|CREDENTIAL|_AUTH$", re.IGNORECASE)
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "ftp_proxy")
_QUERY_SECRET = re.compile(
    r"(?<=[?&;])((?:[\w.-]*[-_.])?(?:api)?(?:key|token|secret|password|passwd|pwd|auth|authorization|credentials?|sig"
    r"|signature|sas|code|session)=)([^&;#\s\"'<>]+)",
    re.IGNORECASE,
)
"""A parameter in an address that is named as one with a secret, and its value."""
_USER_INFORMATION = re.compile(r"(?<=://)[^\s/@\"'<>]{1,500}@")


class _Known:
    """The secrets, and one pattern for all forms of them."""

    def __init__(self) -> None:
        self.secrets: set[str] = set()
        self.forms: list[str] = []
        self.pattern: re.Pattern[str] | None = None

    def add(self, secret: str) -> None:
        if secret in self.secrets:
            return
        self.secrets.add(secret)
        self.forms = sorted({form for each in self.secrets for form in _forms(each)}, key=len, reverse=True)
        self.pattern = re.compile("|".join(map(re.escape, self.forms)))


_known = _Known()


def know_secret(secret: str | None) -> None:
    """Mask a secret from now on; one that is too short, or a well-known placeholder, is none."""
    if secret and len(secret) >= _MIN_CHARACTERS and secret.lower() not in _PLACEHOLDERS:
        _known.add(secret)


def know_url(url: str | None) -> None:
    """Mask what a URL has of a password, or of a token in its place or in the query. A proxy's may have no scheme."""
    url = url or ""
    for found in _QUERY_SECRET.finditer(url):
        know_secret(found[2])
        know_secret(unquote_plus(found[2]))
    try:
        parts = urlsplit(url if "://" in url else f"//{url}")
        user, password = parts.username or "", parts.password
    except ValueError:
        return
    if password is None and not _looks_random(user):
        return  # a name
    for secret in (password or user, unquote(password or user)):
        know_secret(secret)
    if password:
        know_secret(base64.b64encode(f"{unquote(user)}:{unquote(password)}".encode()).decode())


def know_environment() -> None:
    """Mask the tokens, keys and passwords in this process's environment, as far as they are no ordinary words."""
    for name, value in os.environ.items():
        if name.lower() in _PROXIES:
            know_url(value)
        elif _NAMED_SECRET.search(name) and _looks_random(value):
            know_secret(value)


def _looks_random(value: str) -> bool:
    if len(value) < _MIN_ENVIRONMENT_CHARACTERS or value.startswith(("/", "~", "./")) or any(map(str.isspace, value)):
        return False
    return any(map(str.isdigit, value)) and any(map(str.isalpha, value))


def mask(text: str) -> str:
    """The text with all known secrets masked."""
    return text if _known.pattern is None else _known.pattern.sub(MASKED, text)


def knows_secrets() -> bool:
    """Whether there is anything to mask."""
    return _known.pattern is not None


def mask_piece(text: str) -> tuple[str, str]:
    """A piece of a text that comes in pieces, masked; and its end, where that may be the beginning of a secret.

    The end is to be put before the next piece.
    """
    text = mask(text)
    held = max((_overlap(text, form) for form in _known.forms), default=0)
    return text[: len(text) - held], text[len(text) - held :]


def _overlap(text: str, form: str) -> int:
    """How much of a text's end is the beginning of a form."""
    most = min(len(text), len(form) - 1)
    return next((size for size in range(most, 0, -1) if text.endswith(form[:size])), 0)


def mask_addresses(text: str) -> str:
    """`mask`, and without the user information and the keys in the query of any address: for errors, never for code."""
    return _QUERY_SECRET.sub(rf"\1{MASKED}", _USER_INFORMATION.sub(f"{MASKED}@", mask(text)))


def without_user_information(url: str) -> str:
    """An address without user name and password."""
    return _USER_INFORMATION.sub("", url)


def _forms(secret: str) -> set[str]:
    """How a secret is written: as it is, escaped as JSON, Python, HTML or a URL have it, and in Base64."""
    data = secret.encode("utf-8", "surrogatepass")
    plain = {secret, repr(secret)[1:-1], ascii(secret)[1:-1], repr(data)[2:-1], html.escape(secret)}
    plain |= {json.dumps(secret, ensure_ascii=is_ascii)[1:-1] for is_ascii in (True, False)}
    escaped = {json.dumps(form)[1:-1] for form in plain} | {repr(form)[1:-1] for form in plain}
    encoded = {quote(data, safe=""), quote(data), quote_plus(data), base64.b64encode(data).decode().rstrip("=")}
    return plain | escaped | encoded
