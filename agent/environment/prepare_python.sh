# Prepares a Python project's environment beside its home directory, with the network on.
# Each step may fail where the next can still help: old pins, an extra that needs a compiler. Whether it was enough is
# shown by the tests, which are run again after it.
set -u
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
@declared_requirements.py@
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
