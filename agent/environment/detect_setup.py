"""What prepares a repository's environment for its tests, with the network on."""

from __future__ import annotations

from collections.abc import Sequence

# Each step may fail where the next can still help: old pins, an extra that needs a compiler. What comes of it is
# shown by the tests, which are run again after it.
PREPARE_PYTHON = r"""set -u
venv="$(dirname "$HOME")/venv"
[ -x "$venv/bin/python" ] || python3 -m venv --system-site-packages "$venv" || exit 1
pip() { "$venv/bin/python" -m pip "$@"; }
if grep -qsE 'setuptools[-_]scm|hatch-vcs|vcs-versioning' pyproject.toml setup.py setup.cfg; then
  # the version comes from tags, which are not here: the changelog's latest, else a late one
  version="$(cat CHANGE* HISTORY* NEWS* doc*/whats-new.rst doc*/en/changelog.rst doc*/change* 2>/dev/null |
    grep -oE '\b[0-9]+\.[0-9]+(\.[0-9]+)?\b' | head -n 1)"
  export SETUPTOOLS_SCM_PRETEND_VERSION="${version:-99.0.0}"
fi
found="$("$venv/bin/python" - <<'END'
import configparser, os, re
try:
    import tomllib
except ImportError:
    from pip._vendor import tomli as tomllib
wanted = ("test", "tests", "testing", "dev", "develop", "development")
def load():
    try:
        with open("pyproject.toml", "rb") as file:
            return tomllib.load(file)
    except (OSError, ValueError):
        return {}
def table(data, *names):
    for name in names:
        data = data.get(name, {}) if isinstance(data, dict) else {}
    return data if isinstance(data, dict) else {}
project = load()
extras = set(table(project, "project", "optional-dependencies")) | set(table(project, "tool", "poetry", "extras"))
config = configparser.ConfigParser(interpolation=None, strict=False)
try:
    config.read("setup.cfg")
    extras |= set(config["options.extras_require"]) if config.has_section("options.extras_require") else set()
except configparser.Error:
    pass
if os.path.exists("setup.py"):
    with open("setup.py", errors="replace") as file:
        extras |= set(re.findall(r"[\"'](tests?|testing|dev)[\"']\s*:\s*\[", file.read()))
print(",".join(name for name in wanted if name in extras))
groups = table(project, "dependency-groups")
lines = []
def add(name, depth=0):
    for each in groups.get(name, []) if depth < 9 else []:
        if isinstance(each, str):
            lines.append(each)
        elif isinstance(each, dict):
            add(each.get("include-group"), depth + 1)
for name in wanted:
    add(name)
    lines += [each for each in table(project, "tool", "poetry", "group", name, "dependencies") if each != "python"]
lines += [each for each in table(project, "tool", "poetry", "dev-dependencies") if each != "python"]
print("\n".join(dict.fromkeys(line for line in lines if "\n" not in line)))
END
)" || found=""
extras="$(printf '%s\n' "$found" | head -n 1)"
if [ -f pyproject.toml ] || [ -f setup.py ]; then
  pip install -q -e ".${extras:+[$extras]}" || pip install -q -e . || pip install -q --no-build-isolation -e .
fi
for file in requirements.txt requirements[-_]dev.txt requirements[-_]test.txt requirements[-_]tests.txt \
  test[-_]requirements.txt dev[-_]requirements.txt requirements/test.txt requirements/tests.txt requirements/dev.txt; do
  [ -f "$file" ] && pip install -q -r "$file"
done
groups="$(mktemp)"
printf '%s\n' "$found" | tail -n +2 >"$groups"
[ -s "$groups" ] && { pip install -q -r "$groups" || while read -r each; do pip install -q "$each"; done <"$groups"; }
"$venv/bin/python" -m pytest --version >/dev/null 2>&1 || pip install -q pytest
"""

_PREPARE_TOX = r"""venv="$(dirname "$HOME")/venv"
[ -x "$venv/bin/python" ] || python3 -m venv "$venv" || exit 1
"""
_PREPARE_NPM = "npm ci --no-audit --no-fund || npm install --no-audit --no-fund"
_PREPARE_BUNDLE = 'bundle config set --global path "$HOME/bundle" && bundle install --quiet'


def find_setup_command(files: Sequence[str], test_command: str) -> str:
    """What to run, with the network on, when the tests fail for want of their environment; or nothing."""
    names = set(files)
    first = test_command.split(maxsplit=1)[0].rpartition("/")[2] if test_command.strip() else ""
    if "python" in test_command or "pytest" in test_command:
        return PREPARE_PYTHON
    if first in {"mvn", "mvnw", "gradle", "gradlew"}:
        # what a build needs is known when it runs
        return f"{test_command}; true"
    known = {
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
    return known.get(first, "")
