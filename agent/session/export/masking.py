"""Masking what must not leave with an export: credentials, recognised by their form, and the home directory.

The session's own keys are masked in the journal already; these come from a repository, a command's output or the
model. Values that JSON can't hold are converted, too.
"""

from __future__ import annotations

import json
import math
import re
from pathlib import PurePath
from typing import Any

MASKED = "***"
# The beginning of a word. A call's arguments are JSON, in which the letter of an escape may come right before it.
_START = r"(?:(?<![A-Za-z0-9_])|(?<=\\[nrt]))"
_TOKENS = "|".join(
    (
        r"gh[pousr]_[A-Za-z0-9]{30,255}",  # GitHub
        r"github_pat_[A-Za-z0-9_]{22,255}",
        r"glpat-[A-Za-z0-9_-]{20,255}",  # GitLab
        rf"{_START}sk-[A-Za-z0-9_-]{{20,255}}",  # OpenAI, Anthropic
        r"hf_[A-Za-z0-9]{30,255}",  # Hugging Face
        r"(?:AKIA|ASIA)[0-9A-Z]{16}",  # AWS
        r"AIza[A-Za-z0-9_-]{35}",  # Google
        r"xox[abeprs]-[A-Za-z0-9-]{10,255}",  # Slack
        r"npm_[A-Za-z0-9]{36}",
        r"pypi-AgEI[A-Za-z0-9_-]{50,255}",
        rf"{_START}eyJ[A-Za-z0-9_-]{{8,2000}}\.eyJ[A-Za-z0-9_-]{{8,4000}}\.[A-Za-z0-9_-]{{8,2000}}",  # a JSON web token
    )
)
_SECRET = re.compile(
    rf"(?:{_TOKENS})"
    r"|-----BEGIN (?:[A-Z]{1,20} ){0,3}PRIVATE KEY-----.*?(?:-----END (?:[A-Z]{1,20} ){0,3}PRIVATE KEY-----|\Z)",
    re.DOTALL,
)
# Of these the beginning is kept, which says that a credential followed.
_AFTER = re.compile(
    rf"(?P<kept>{_START}(?i:Authorization)\W{{1,6}}(?:Bearer|Basic|token) +"
    r"|://[^\s/:@\"']{0,100}:(?=[^\s/@\"']{1,200}@)"
    rf"|{_START}[A-Z][A-Z0-9_]{{0,60}}(?:TOKEN|SECRET|PASSWORD|PASSWD|API_KEY|ACCESS_KEY|PRIVATE_KEY)=\\?[\"']?"
    r"(?=[A-Za-z0-9+/_.=-]*[0-9]))"
    r"[A-Za-z0-9+/_.=~!%-]{6,4000}"
)


class Mask:
    """Masks texts, also inside JSON values. `home` is the home directory, which becomes `~`."""

    def __init__(self, home: str = "") -> None:
        deep = len(PurePath(home).parts) > 2  # `/root` and `/` identify nobody
        self._home = re.compile(rf"(?:(?<![\w/.-])|(?<=\\[nrt])){re.escape(home)}(?![\w.-])") if deep else None

    def text(self, text: str) -> str:
        """The text with credentials masked, `~` for the home directory, and valid Unicode only."""
        text = _SECRET.sub(MASKED, text)
        text = _AFTER.sub(lambda match: match["kept"] + MASKED, text)
        if self._home is not None:
            text = self._home.sub("~", text)
        return text if text.isascii() else text.encode("utf-8", "replace").decode()

    def value(self, value: Any) -> Any:
        """A JSON value with its texts masked, tuples as lists, and numbers that are not finite as text."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(str(key)): self.value(each) for key, each in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.value(each) for each in value]
        if isinstance(value, float) and not math.isfinite(value):
            return str(value)
        return value

    def dump(self, value: Any, *, ascii_only: bool = False) -> str:
        """A value as JSON on one line, masked."""
        return json.dumps(self.value(value), ensure_ascii=ascii_only, allow_nan=False)
