"""Characters that look alike, compared as equal: models often write one of them for another."""

from __future__ import annotations

_GROUPS = {
    "'": "\u2018\u2019\u201a\u201b\u2032\u02bc\u00b4",
    '"': "\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb",
    "-": "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63",
    " ": "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000",
    "...": "\u2026",
    "": "\u200b\u200c\u200d\u2060\ufeff",
}
_TABLE = {ord(each): plain for plain, group in _GROUPS.items() for each in group}
_TABLE |= {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}  # the fullwidth forms of ASCII


def fold(line: str) -> str:
    """A line with look-alike characters replaced by ASCII."""
    return line if line.isascii() else line.translate(_TABLE)
