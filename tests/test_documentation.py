"""Paths that the documentation and the modules' docstrings name are there: a map must match the territory."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("agent", "tools", "sandbox", "prompts")
PAGES = ["README.md", "CONTRIBUTING.md", *(f"docs/{page.name}" for page in sorted((ROOT / "docs").glob("*.md")))]
_IN_PAGES = re.compile(r"`((?:agent|tools|sandbox|prompts|tests|benchmarks|scripts|examples|docs)/[\w./*-]*)`")
_IN_DOCSTRINGS = re.compile(r"(?<![\w./-])([a-z_][a-z0-9_/]*\.py)\b")


def modules() -> list[str]:
    listed = subprocess.run(["git", "ls-files", *PACKAGES], cwd=ROOT, capture_output=True, text=True, check=True)
    return [path for path in listed.stdout.split() if path.endswith(".py")]


def is_there(name: str, module: Path) -> bool:
    """Whether a path is there, from the checkout's root, a package's, or the module's own folder or those above."""
    bases = [ROOT, *(ROOT / package for package in PACKAGES), *(ROOT / module).parents]
    return any((base / name).exists() for base in bases if base.is_relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES)
def test_a_page_names_only_paths_that_are_there(page: str) -> None:
    named = set(_IN_PAGES.findall((ROOT / page).read_text(encoding="utf-8")))
    assert [path for path in sorted(named) if not any(ROOT.glob(path.rstrip("/")))] == []


def test_docstrings_name_only_modules_that_are_there() -> None:
    wrong = []
    for path in modules():
        docstring = ast.get_docstring(ast.parse((ROOT / path).read_text(encoding="utf-8"))) or ""
        wrong += [(path, name) for name in _IN_DOCSTRINGS.findall(docstring) if not is_there(name, Path(path))]
    assert wrong == []
