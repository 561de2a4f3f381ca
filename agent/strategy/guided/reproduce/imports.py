"""The imports that an issue's code leaves out: where its names come from, as the repository has it."""

from __future__ import annotations

import ast
import re
import shlex
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping

from agent.code.python_ast import parse
from agent.code.python_modules import definitions
from agent.strategy.guided.state import GuidedState

_SECONDS = 20.0
_CAPTURE = 1 << 20
_PROMPT = re.compile(r"^(?:>>> |In \[\d+\]: )")
_PLACES = "--include='*.py' --include='*.rst' --include='*.md' --include='*.txt'"


async def imports_of(guided: GuidedState, names: Collection[str]) -> dict[str, str]:
    """Name → the statement that imports it; names that nothing tells of are left out. Raises `SandboxLost`.

    What the repository defines comes from there, everything else as the repository imports it most often.
    """
    if not names:
        return {}
    own = definitions(guided.sources, guided.issue)
    found = {name: f"from {own[name]} import {name}" for name in sorted(names) if name in own}
    wanted = sorted(set(names) - found.keys())
    if wanted:
        pattern = rf"import .*\b({'|'.join(map(re.escape, wanted))})\b"
        command = f"grep -rhE {_PLACES} {shlex.quote(pattern)} . 2>/dev/null"
        ran = await guided.workspace.sandbox.exec(command, timeout=_SECONDS, capture=_CAPTURE)
        found |= commonest(ran.output.text(), wanted)
    return found


def commonest(lines: str, names: Collection[str]) -> dict[str, str]:
    """Of lines with imports the commonest way to bind each of some names."""
    ways: dict[str, Counter[str]] = {name: Counter() for name in names}
    for line in lines.splitlines():
        for name, statement in _bindings(_PROMPT.sub("", line.strip())):
            if name in ways:
                ways[name][statement] += 1
    return {name: counted.most_common(1)[0][0] for name, counted in ways.items() if counted}


def _bindings(line: str) -> Iterator[tuple[str, str]]:
    """What an import binds, each with a statement of its own; of a relative one nothing, since nobody can run it."""
    tree = parse(line)
    node = tree.body[0] if tree and tree.body else None
    if isinstance(node, ast.Import):
        for each in node.names:
            if each.asname or "." not in each.name:
                yield each.asname or each.name, ast.unparse(ast.Import([each]))
    elif isinstance(node, ast.ImportFrom) and not node.level and node.module != "__future__":
        for each in node.names:
            yield each.asname or each.name, ast.unparse(ast.ImportFrom(node.module, [each], 0))


def with_submodules(imports: Mapping[str, str], code: Iterable[str], modules: Collection[str]) -> dict[str, str]:
    """Imports, with those of the modules that code reaches through their package: `pkg.sub.f()`."""
    found, text = dict(imports), "\n".join(code)
    for name, statement in imports.items():
        bound = re.fullmatch(rf"import ([\w.]+)(?: as {name})?", statement)
        if bound is None:
            continue
        for chain in sorted(set(re.findall(rf"(?<![\w.]){name}((?:\.\w+)+)", text))):
            parts = [bound[1], *chain[1:].split(".")]
            prefixes = [".".join(parts[:length]) for length in range(len(parts), 1, -1)]
            longest = next((each for each in prefixes if each in modules), "")
            if longest and f"import {longest}" not in found[name].split("\n"):
                found[name] += f"\nimport {longest}"
    return found
