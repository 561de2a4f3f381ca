"""The index as text for the model: the outline of a file and the map of a repository, within a budget of tokens."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from agent.code.definitions import Definition
from agent.code.index import CodeIndex
from agent.code.ranking import rank
from agent.text import estimate_tokens

_MAX_RANKED = 400  # definitions of a repository map, before the budget cuts it


def outline_line(definition: Definition) -> str:
    """A definition's lines and signature on one line, indented by how deep it is nested."""
    deep = "  " * definition.name.count(".")
    lines = f"{definition.start}-{definition.end}" if definition.end > definition.start else str(definition.start)
    return f"  {lines}{' ' * max(10 - len(lines), 1)}{deep}{definition.signature}"


def file_outline(index: CodeIndex, path: str, tokens: int) -> str:
    """A file's definitions with their lines, within about `tokens`; functions and classes are kept first."""
    definitions = index.definitions_in(path)
    if not definitions:
        return f"{path}: no definitions"
    order = sorted(definitions, key=lambda each: (each.kind in {"variable", "property"}, each.name.count(".")))
    kept = _within([(each, outline_line(each)) for each in order], tokens - estimate_tokens(path) - 20)
    body = "\n".join(outline_line(each) for each in definitions if each in kept)
    left = len(definitions) - len(kept)
    return f"{path}:\n{body}" + (f"\n[... {left} more definitions ...]" if left else "")


def repository_map(
    index: CodeIndex,
    text: str,
    tokens: int,
    seeds: Mapping[tuple[str, int], float] | None = None,
    exclude: Callable[[str], bool] = lambda path: False,
) -> str:
    """The files and definitions that `text` is most likely about, the best file first, within about `tokens`.

    `seeds` and `exclude` are those of `agent.code.ranking.rank`.
    """
    ranked = [each.definition for each in rank(index, text, seeds, _MAX_RANKED, exclude)]
    paths = list(dict.fromkeys(each.path for each in ranked))
    headed: set[str] = set()
    lines = []
    for each in ranked:
        lines.append((each, outline_line(each) + ("" if each.path in headed else f"\n{each.path}:\n")))
        headed.add(each.path)
    kept = _within(lines, tokens - 30)
    blocks = []
    for path in paths:
        here = sorted((each for each in kept if each.path == path), key=lambda each: (each.start, -each.end))
        if here:
            blocks.append("\n".join([f"{path}:", *map(outline_line, here)]))
    left = sum(not exclude(path) for path in index.paths) - len(blocks)
    if not blocks:
        return "no definitions were found"
    return "\n".join(blocks) + (f"\n[... {left} more source files ...]" if left else "")


def _within(lines: Sequence[tuple[Definition, str]], tokens: int) -> set[Definition]:
    """As many of the first definitions as fit into `tokens` with their lines; at least one."""
    kept: set[Definition] = set()
    length = 0
    for each, line in lines:
        length += len(line.encode("utf-8", "replace")) + 1
        if kept and estimate_tokens("x" * length) > tokens:
            break
        kept.add(each)
    return kept
