"""What prepares a repository's environment for its tests, with the network on."""

from __future__ import annotations

import importlib.resources
from collections.abc import Sequence

_DECLARED = "declared_requirements.py"
_PREPARE_TOX = r"""venv="$(dirname "$HOME")/venv"
[ -x "$venv/bin/python" ] || python3 -m venv "$venv" || exit 1
"""
_PREPARE_NPM = "npm ci --no-audit --no-fund || npm install --no-audit --no-fund"
_PREPARE_BUNDLE = 'bundle config set --global path "$HOME/bundle" && bundle install --quiet'


def prepare_python() -> str:
    """The commands that make an environment for a Python project and install what it and its tests need."""
    folder = importlib.resources.files("agent.environment")
    shell, script = (folder.joinpath(name).read_text("utf-8") for name in ("prepare_python.sh", _DECLARED))
    return shell.replace(f"@{_DECLARED}@\n", script)


def find_setup_command(files: Sequence[str], test_command: str) -> str:
    """The command that, with the network on, installs what the tests lack; empty where none is known."""
    names = set(files)
    first = test_command.split(maxsplit=1)[0].rpartition("/")[2] if test_command.strip() else ""
    if "python" in test_command or "pytest" in test_command:
        return prepare_python()
    if first in {"mvn", "mvnw", "gradle", "gradlew"}:
        # only a build says what it needs
        return f"{test_command}; true"
    commands = {
        "tox": f'{_PREPARE_TOX}"$venv/bin/python" -m pip install -q tox && "$venv/bin/tox" -q --notest',
        "nox": f'{_PREPARE_TOX}"$venv/bin/python" -m pip install -q nox && "$venv/bin/nox" --install-only',
        "npm": _PREPARE_NPM,
        "npx": _PREPARE_NPM,
        "node": _PREPARE_NPM if "package.json" in names else "",
        "go": "go mod download" if "go.mod" in names else "",
        "cargo": "cargo fetch" if "Cargo.toml" in names else "",
        "bundle": _PREPARE_BUNDLE,
        "rspec": _PREPARE_BUNDLE if "Gemfile" in names else "",
        "phpunit": "composer install --no-interaction --no-progress" if "composer.json" in names else "",
    }
    return commands.get(first, "")
