"""What the model is shown when it asks for structure, through the two tools."""

from __future__ import annotations

import json
from pathlib import Path

import anyio
from support import make_repository

from agent.code.index import CodeIndex
from agent.code.lookup import Lookup
from agent.code.workspace import WorkspaceIndex
from agent.repo.host import HostRepository
from sandbox.local import LocalSandbox
from sandbox.snapshots import Snapshots
from tools.base import Observation, ToolContext
from tools.find_symbol import FindSymbol
from tools.outline import Outline
from tools.registry import Registry

FILES = {
    "shop/prices.py": "def net(gross):\n    return gross / 1.19\n\n\nclass Basket:\n    def total(self):\n        return net(1)\n",
    "shop/long.py": "def long():\n" + "".join(f"    line({number})\n" for number in range(500)),
    "web/sum.js": "export function total(x) {\n  return x;\n}\n",
    "tests/test_prices.py": "def test_net():\n    assert net(119) == 100\n",
}


def ask(
    directory: Path, *calls: tuple[str, dict[str, object]], before: str = "true", tokens: int = 2_000
) -> list[Observation]:
    """Make calls in a sandbox that holds `FILES`, after a command there."""
    repository = HostRepository.open(make_repository(directory / "repo", FILES))

    async def body() -> list[Observation]:
        sandbox = await LocalSandbox.start(directory / "ws")
        try:
            await Snapshots(sandbox).begin(repository.tar())
            await sandbox.exec(before)
            context = ToolContext(sandbox, tokens)
            workspace = WorkspaceIndex(CodeIndex(None, repository), sandbox)
            context.code = Lookup(workspace, context, "`Basket.total` is wrong", lambda path: path.startswith("tests/"))
            registry = Registry([Outline(), FindSymbol()])
            return [await registry.run(context, name, json.dumps(arguments)) for name, arguments in calls]
        finally:
            await sandbox.close(keep=False)

    return anyio.run(body)


def test_a_file_a_directory_and_the_repository_are_outlined(tmp_path: Path) -> None:
    file, folder, tests, whole = ask(
        tmp_path,
        ("outline", {"path": "./shop/prices.py"}),
        ("outline", {"path": "web/"}),
        ("outline", {"path": "tests"}),
        ("outline", {}),
    )
    assert file.text == (
        "shop/prices.py:\n  1-2       def net(gross)\n  5-7       class Basket\n  6-7         def total(self)"
    )
    assert folder.text == "web/sum.js:\n  1-3       function total(x)"
    assert tests.text.startswith("tests/test_prices.py:")
    assert whole.ok and whole.text.startswith("shop/prices.py:") and "tests/" not in whole.text


def test_a_definition_is_shown_with_its_source(tmp_path: Path) -> None:
    method, both = ask(tmp_path, ("find_symbol", {"name": "Basket.total"}), ("find_symbol", {"name": "total"}))
    assert method.text == (
        "shop/prices.py, lines 6-7: method Basket.total\n6\t    def total(self):\n7\t        return net(1)"
    )
    assert both.text.count("lines ") == 2 and "web/sum.js, lines 1-3: function total" in both.text


def test_uses_are_shown_with_what_they_stand_in(tmp_path: Path) -> None:
    (seen,) = ask(tmp_path, ("find_symbol", {"name": "net", "references": True}))
    assert seen.text == (
        "net is used on 2 lines:\nshop/prices.py:7 in Basket.total\ntests/test_prices.py:2 in test_net"
    )


def test_what_the_session_changed_is_seen(tmp_path: Path) -> None:
    found, gone = ask(
        tmp_path,
        ("find_symbol", {"name": "brutto"}),
        ("find_symbol", {"name": "net"}),
        before="printf 'import os\\n\\ndef brutto(x):\\n    return x\\n' > shop/prices.py",
    )
    assert found.text == "shop/prices.py, lines 3-4: function brutto\n3\tdef brutto(x):\n4\t    return x"
    assert not gone.ok


def test_what_is_not_there_is_answered_with_what_is(tmp_path: Path) -> None:
    near, used, nothing, unused, place, outside, empty = ask(
        tmp_path,
        ("find_symbol", {"name": "bascet"}),
        ("find_symbol", {"name": "line"}),
        ("find_symbol", {"name": "zzzz"}),
        ("find_symbol", {"name": "zzzz", "references": True}),
        ("outline", {"path": "lib/prices.py"}),
        ("outline", {"path": "/etc"}),
        ("find_symbol", {"name": "  "}),
    )
    assert not any(each.ok for each in (near, used, nothing, unused, place, outside, empty))
    assert near.text == "nothing named 'bascet' is defined in the repository. Names like it: Basket."
    assert "used on 500 lines" in used.text
    assert nothing.text == "nothing named 'zzzz' is defined in the repository."
    assert unused.text == "'zzzz' is not used in the repository"
    assert place.text.endswith("did you mean shop/prices.py?")
    assert "outside the workspace" in outside.text and empty.text == "the name is empty"


def test_answers_are_bounded(tmp_path: Path) -> None:
    source, uses = ask(
        tmp_path,
        ("find_symbol", {"name": "long"}),
        ("find_symbol", {"name": "line", "references": True}),
        tokens=300,
    )
    for seen in (source, uses):
        assert seen.ok and len(seen.text) < 1_300 and "left out" in seen.text


def test_without_an_index_the_tools_say_so(tmp_path: Path) -> None:
    async def body() -> None:
        sandbox = await LocalSandbox.start(tmp_path / "ws")
        try:
            for name, arguments in (("outline", "{}"), ("find_symbol", '{"name": "x"}')):
                seen = await Registry([Outline(), FindSymbol()]).run(ToolContext(sandbox), name, arguments)
                assert seen == Observation("there is no index of the code here; use search", ok=False)
        finally:
            await sandbox.close(keep=False)

    anyio.run(body)
