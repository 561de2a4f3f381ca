"""DeepSeek V3, R1 and V3.1: `<｜tool▁call▁begin｜>F<｜tool▁sep｜>{…}<｜tool▁call▁end｜>`.

The formats are those of its chat templates: V3 and R1 write `function<｜tool▁sep｜>F` and the arguments in a fence.
Distilled models write `|` for `｜`, and `_`, `\\_` or a blank for `▁`.
"""

from __future__ import annotations

import re

from agent.model.dialects.base import NAME, Dialect, Family, ParseContext, ParseResult
from agent.model.dialects.json_text import arguments_json, dumps, value_at

_GAP = r"(?:▁|_|\\_| )"
_BEGIN = rf"<[|｜]tool{_GAP}calls?+{_GAP}begin[|｜]>"
_SEP = rf"<[|｜]tool{_GAP}sep[|｜]>"
OPENER = _BEGIN
_CALL = re.compile(
    rf"{_BEGIN}\s*+(?:{_BEGIN}\s*+)?(?:function{_SEP}\s*+)?({NAME})\s*+(?:{_SEP}\s*+)?(?:```\w*+\s*+)?(?=\{{)"
)
_END = re.compile(
    rf"\s*+(?:```\s*+)?(?:<[|｜]tool{_GAP}call{_GAP}end[|｜]>)?(?:\s*+<[|｜]tool{_GAP}calls{_GAP}end[|｜]>)?"
)


def parse(context: ParseContext, at: int) -> ParseResult | None:
    """The call that begins with the token at `at`."""
    begins = _CALL.match(context.text, at)
    parsed = value_at(context.text, begins.end()) if begins else None
    if begins is None or parsed is None or not isinstance(parsed[0], dict):
        return None
    value, end, valid = parsed
    own = context.text[begins.end() : end] if valid else dumps(value)
    closer = _END.match(context.text, end)
    return ParseResult(closer.end() if closer else end, context.calls_of(begins[1], arguments_json(own)), "deepseek")


def write(name: str, arguments: str) -> str:
    """A call between its tokens, as V3.1 writes it."""
    call = f"<｜tool▁call▁begin｜>{name}<｜tool▁sep｜>{arguments_json(arguments)}<｜tool▁call▁end｜>"
    return f"<｜tool▁calls▁begin｜>{call}<｜tool▁calls▁end｜>"


DIALECT = Dialect(
    "deepseek", "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>", write, "The arguments are one JSON object."
)

FAMILY = Family("deepseek", OPENER, ("<|tool", "<｜tool"), parse, DIALECT)
