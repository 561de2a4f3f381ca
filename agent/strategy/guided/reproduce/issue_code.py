"""The issue's own code as what shows the problem: run as it stands, held against what the issue says of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from agent.code.code_blocks import CodeBlock, code_blocks
from agent.code.python_modules import definitions, module_of
from agent.session.events import PhaseBegan
from agent.strategy.guided.issue.prose import prose_calls, prose_of
from agent.strategy.guided.reproduce.checks import Check, checks_of, differences_of, scripts_of
from agent.strategy.guided.reproduce.imports import imports_of, with_submodules
from agent.strategy.guided.reproduce.reproduction import Reproduction
from agent.strategy.guided.reproduce.select import select_reproductions
from agent.strategy.guided.state import GuidedState


async def from_issue_code(guided: GuidedState) -> list[Reproduction]:
    """Checks that fail as the issue says, the likeliest first.

    First what must be true of its code; then that it must not come to what the issue shows any more; then what must
    be true of the calls that it names in passing.
    """
    rules = guided.rules
    if not any(path.endswith(".py") for path in guided.sources):
        return []
    own = definitions(guided.sources, guided.issue)
    blocks = code_blocks(guided.issue, own)
    if blocks:
        guided.session.emit(PhaseBegan(phase="reproduce", detail="by the code in the issue"))
        if found := await _select(guided, blocks, checks_of):
            return found
        if rules.differences and (found := await _select(guided, blocks, differences_of, may_be_none=False)):
            return [replace(found[0], certainty="vague")]
    calls = prose_calls(prose_of(guided.issue, blocks), own) if rules.prose_calls else []
    if calls:
        guided.session.emit(PhaseBegan(phase="reproduce", detail="by the calls that the issue names"))
        return await _select(guided, calls, checks_of)
    return []


async def issue_scripts(guided: GuidedState) -> list[str]:
    """The code in the issue that can be run, as scripts that show what comes of it. Raises `SandboxLost`."""
    blocks = code_blocks(guided.issue, definitions(guided.sources, guided.issue))
    return scripts_of(blocks, await _imports(guided, blocks))


async def _select(
    guided: GuidedState,
    blocks: list[CodeBlock],
    make: Callable[[str, list[CodeBlock], Mapping[str, str]], list[Check]],
    *,
    may_be_none: bool = True,
) -> list[Reproduction]:
    checks = make(guided.issue, blocks, await _imports(guided, blocks))
    if not guided.rules.expected_values:
        checks = [check for check in checks if check.rule in {"no error", "difference"}]
    return await select_reproductions(guided, checks, may_be_none=may_be_none)


async def _imports(guided: GuidedState, blocks: list[CodeBlock]) -> dict[str, str]:
    found = await imports_of(guided, frozenset().union(*(block.unbound for block in blocks)))
    modules = {module_of(entry.path) for entry in guided.context.repository.entries() if entry.path.endswith(".py")}
    return with_submodules(found, (block.source for block in blocks), modules)
