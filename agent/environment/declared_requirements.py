"""A script that prints what a project declares for its tests, beside what it needs itself.

The first line names its extras for tests and development, separated by commas; each further line is a requirement out
of its dependency groups or of Poetry's tables. The text is run in the sandbox, by Python 3.8 or later.
"""

from __future__ import annotations

import configparser
import importlib
import re
import sys
from pathlib import Path
from typing import Any

WANTED = ("test", "tests", "testing", "dev", "develop", "development")
MAX_NESTED_GROUPS = 9


def load_project() -> dict[str, Any]:
    """The tables of pyproject.toml; none where it is absent or malformed."""
    try:
        toml = importlib.import_module("tomllib")
    except ImportError:  # before Python 3.11
        toml = importlib.import_module("pip._vendor.tomli")
    try:
        loaded = toml.loads(Path("pyproject.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return dict(loaded)


def table(data: object, *names: str) -> dict[str, Any]:
    """A nested table; an empty one where there is none."""
    for name in names:
        data = data.get(name, {}) if isinstance(data, dict) else {}
    return data if isinstance(data, dict) else {}


def extras_of(project: dict[str, Any]) -> set[str]:
    """The extras that pyproject.toml, setup.cfg and setup.py declare."""
    extras = set(table(project, "project", "optional-dependencies")) | set(table(project, "tool", "poetry", "extras"))
    config = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        config.read("setup.cfg")
        extras |= set(config["options.extras_require"]) if config.has_section("options.extras_require") else set()
    except configparser.Error:
        pass
    if Path("setup.py").exists():
        text = Path("setup.py").read_text(encoding="utf-8", errors="replace")
        extras |= set(re.findall(r"[\"'](tests?|testing|dev)[\"']\s*:\s*\[", text))
    return extras


def group(groups: dict[str, Any], name: object, depth: int = 0) -> list[str]:
    """The requirements of a dependency group, with those of the groups that it includes (PEP 735)."""
    found: list[str] = []
    for each in groups.get(str(name), []) if depth < MAX_NESTED_GROUPS else []:
        if isinstance(each, str):
            found.append(each)
        elif isinstance(each, dict):
            found += group(groups, each.get("include-group"), depth + 1)
    return found


def main() -> None:
    """Print them."""
    project = load_project()
    groups, poetry = table(project, "dependency-groups"), table(project, "tool", "poetry")
    found: list[str] = []
    for name in WANTED:
        found += group(groups, name)
        found += [each for each in table(poetry, "group", name, "dependencies") if each != "python"]
    found += [each for each in table(poetry, "dev-dependencies") if each != "python"]
    extras = extras_of(project)
    sys.stdout.write(",".join(name for name in WANTED if name in extras) + "\n")
    sys.stdout.write("\n".join(dict.fromkeys(each for each in found if "\n" not in each)) + "\n")


if __name__ == "__main__":
    main()
