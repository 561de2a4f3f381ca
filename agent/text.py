"""Text for models and terminals: estimating its tokens, cutting it to a budget, removing control characters."""

from __future__ import annotations

import re
import unicodedata

BYTES_PER_TOKEN = 3.2
"""Of code and logs, in UTF-8; a low estimate, so that rather too much is cut than too little."""
_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-_])")
_OVERWRITTEN = re.compile(r"^[^\n]*\r(?!\n)", re.MULTILINE)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_SHAPELESS_CATEGORIES = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})
# without a shape, though their category is that of letters, marks or symbols; and what is not assigned yet
_SHAPELESS = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u2800\u3164\ufdd0-\ufdef\ufe00-\ufe0f\uffa0\ufff0-\ufff8\ufffe\uffff"
    "\U000e0000-\U000e0fff]"
)


def estimate_tokens(text: str) -> int:
    """A rough count of tokens, from the length in UTF-8, which also suits scripts with long encodings."""
    return int(len(text.encode("utf-8", "replace")) / BYTES_PER_TOKEN) + 1


def truncate(text: str, tokens: int, *, more: str = "") -> str:
    """`text` within about `tokens`: all of it, or its first and last lines with a note between them that has `more`."""
    if estimate_tokens(text) <= tokens:
        return text
    data = text.encode("utf-8", "replace")
    half = max(int(tokens * BYTES_PER_TOKEN / 2), 1)
    head, tail = (part.decode("utf-8", "ignore") for part in (data[:half], data[-half:]))
    cut = head.rfind("\n")
    if cut > len(head) // 2:
        head = head[: cut + 1]
    cut = tail.find("\n")
    if 0 <= cut < len(tail) // 2:
        tail = tail[cut + 1 :]
    left = text[len(head) : len(text) - len(tail)]
    about = f"{left.count(chr(10)) + 1} lines, {len(left)} characters left out"
    return f"{head.rstrip()}\n[... {about}{'; ' + more if more else ''} ...]\n{tail.lstrip(chr(10))}"


def printable(text: str) -> str:
    """The text without terminal escapes and control characters, and with progress bars in their last state only."""
    if _CONTROL.search(text) is None:
        return text
    text = _ESCAPE.sub("", text).replace("\r\n", "\n")
    text = _OVERWRITTEN.sub("", text)
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def is_unseen(char: str) -> bool:
    """Whether a character has no shape, or acts on a terminal: controls, format characters, fillers, private use."""
    if char.isascii():
        return char < " " or char == "\x7f"
    return unicodedata.category(char) in _SHAPELESS_CATEGORIES or bool(_SHAPELESS.match(char))


def visible(line: str) -> str:
    """A line as it is, with what acts on a terminal or can't be seen there written out: `\\x1b`, `<U+202E>`.

    For text in which nothing may be missed or change its look, such as a patch. Tabs stay.
    """
    if line.isascii() and line.isprintable():
        return line
    return "".join(_written_out(ord(char)) if char != "\t" and is_unseen(char) else char for char in line)


def without_unseen(line: str) -> str:
    """A line without what acts on a terminal or can't be seen there. Tabs stay."""
    if line.isascii() and line.isprintable():
        return line
    return "".join(char for char in line if char == "\t" or not is_unseen(char))


def _written_out(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"<U+{code:04X}>"
