"""No two files import each other, not even for their types: whoever reads one of them need not read the other first."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from graphlib import CycleError, TopologicalSorter

import grimp
import pytest

PACKAGES = ("agent", "tools", "sandbox", "prompts")


def circle(modules: Iterable[str], imported_by: Callable[[str], Iterable[str]]) -> list[str]:
    """The modules of a circle of imports, empty where there is none."""
    try:
        TopologicalSorter({module: imported_by(module) for module in modules}).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_circle_of_imports() -> None:
    graph = grimp.build_graph(*PACKAGES, exclude_type_checking_imports=False, cache_dir=None)
    assert circle(graph.modules, graph.find_modules_directly_imported_by) == []


@pytest.mark.parametrize(
    ("imports", "found"),
    [
        ({"a": ["b"], "b": ["c"], "c": []}, set()),
        ({"a": ["b"], "b": ["a"], "c": []}, {"a", "b"}),
        ({"a": ["b"], "b": ["c"], "c": ["a"]}, {"a", "b", "c"}),
    ],
)
def test_a_circle_is_found(imports: dict[str, list[str]], found: set[str]) -> None:
    assert set(circle(imports, imports.__getitem__)) == found
