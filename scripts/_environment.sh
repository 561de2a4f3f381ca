# shellcheck shell=bash
# Sourced by the other scripts: the private environment .venv, installed from the locked requirements.
# Needs Python 3.11 or newer and a package index. What it fetches stays in the checkout; nothing needs root.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=$root/.venv
tools=$root/.venv-tools

say() { printf 'swe-agent: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

find_python() {
  local candidate
  for candidate in "${PYTHON:-python3}" python3 python3.14 python3.13 python3.12 python3.11 /usr/bin/python3; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      "$candidate" -c 'import sys; print(sys.executable)'
      return
    fi
  done
  return 1
}

# is_uv COMMAND...: whether it is a uv that knows what is asked of it here (0.5 or newer).
is_uv() {
  local name version
  read -r name version _ < <("$@" --version 2>/dev/null) || return 1
  [ "$name" = uv ] && [[ ! $version =~ ^0\.[0-4]\. ]]
}

# Sets the array `uv`: the user's own, or one fetched into .venv-tools with whatever pip there is.
find_uv() {
  if is_uv uv; then uv=(uv); return; fi
  if is_uv "$python" -m uv; then uv=("$python" -m uv); return; fi
  uv=("$tools/bin/uv")
  is_uv "${uv[@]}" && return
  say "fetching uv, the installer (once)"
  find_pip || fail "there is no pip to fetch uv with; install uv or pip (as root on Debian: apt-get install python3-pip)"
  rm -rf "${tools:?}/fresh"
  "${pip[@]}" install -qq --no-deps --only-binary :all: --require-hashes --target "$tools/fresh" \
    -r "$root/requirements/uv.txt" || fail "uv can't be fetched; is a package index reachable?"
  mkdir -p "$tools/bin"
  mv "$tools/fresh/bin/uv" "$tools/bin/uv" && rm -rf "$tools/fresh"
  is_uv "${uv[@]}" || fail "the fetched uv does not run here; install uv, or name another Python: PYTHON=... $0"
}

# Sets the array `pip`: this Python's own, else the wheel that venv carries, else the one in Debian's packages.
find_pip() {
  local wheel
  pip=("$python" -m pip)
  "${pip[@]}" --version >/dev/null 2>&1 && return
  wheel=$(pip_wheel) || { debian_unpack python3-pip-whl && wheel=$(pip_wheel); } || return 1
  pip=(env PYTHONPATH="$wheel" "$python" -m pip)
  "${pip[@]}" --version >/dev/null 2>&1
}

pip_wheel() {
  "$python" - "$tools/debian/usr/share/python-wheels" /usr/share/python-wheels 2>/dev/null <<'EOF'
import importlib.util
import pathlib
import sys

venv = importlib.util.find_spec("ensurepip")
places = [f"{place}/_bundled" for place in venv.submodule_search_locations] if venv else []
print(next(wheel for place in places + sys.argv[1:] for wheel in pathlib.Path(place).glob("pip-*.whl")))
EOF
}

# debian_unpack PACKAGE...: their files into .venv-tools/debian, on Debian and its like. Installs nothing.
debian_unpack() {
  command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || return 1
  local work=$tools/apt package
  local own=(-o Dir::State="$work" -o Dir::State::status=/var/lib/dpkg/status -o Dir::Cache="$work/cache"
    -o APT::Sandbox::User=root)
  mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
  (
    cd "$work" || exit 1
    apt-get "${own[@]}" -qq update && apt-get "${own[@]}" -qq download "$@" || exit 1
    for package in *.deb; do dpkg-deb -x "$package" "$tools/debian" || exit 1; done
  ) >"$tools/apt.log" 2>&1 || { tail -n 3 "$tools/apt.log" >&2; return 1; }
  rm -rf "$work"
}

# The model runtime is linked with OpenMP's library, which a bare Debian lacks: .venv gets it, and a hook that loads it.
add_openmp() {
  local library site
  [[ $("$venv/bin/python" -c 'import xllamacpp' 2>&1) == *libgomp* ]] || return 0
  if ! debian_unpack libgomp1 || ! library=$(find "$tools/debian" -name libgomp.so.1 | grep .); then
    say "the bundled model runtime needs libgomp.so.1; install it (as root on Debian: apt-get install libgomp1)"
    return 0
  fi
  site=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
  cp -L "$library" "$venv/lib/libgomp.so.1"
  cp "$root/scripts/_openmp.py" "$site/_swe_agent_openmp.py"
  echo 'import _swe_agent_openmp' >"$site/_swe_agent_openmp.pth"
  "$venv/bin/python" -c 'import xllamacpp' || fail "the bundled model runtime can't be loaded"
}

# What pip and uv are told: this machine's certificates and index, nothing that would send the files elsewhere.
installer_settings() {
  local bundle index
  for bundle in "${SSL_CERT_FILE:-}" "${PIP_CERT:-}" "${REQUESTS_CA_BUNDLE:-}" \
    /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt; do
    [ -n "$bundle" ] && [ -r "$bundle" ] || continue
    # pip's own `cert` setting still goes before REQUESTS_CA_BUNDLE.
    export SSL_CERT_FILE="$bundle" REQUESTS_CA_BUNDLE="$bundle"
    break
  done
  export UV_SYSTEM_CERTS=true UV_NATIVE_TLS=true
  export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PIP_REQUIRE_VIRTUALENV=0 PIP_USER=0
  unset VIRTUAL_ENV CONDA_PREFIX PYTHONPATH PYTHONHOME
  # uv does not read pip's configuration; whoever set an index for pip means it for this too.
  if [ -z "${UV_DEFAULT_INDEX:-}${UV_INDEX_URL:-}" ]; then
    index=${PIP_INDEX_URL:-$("$python" -m pip config get global.index-url 2>/dev/null)} || true
    [ -z "$index" ] || export UV_DEFAULT_INDEX="$index"
  fi
}

fingerprint() {
  { printf '%s\n' "$root" && cat "$root/requirements/$1.txt" "$root/requirements/build.txt" "$root/pyproject.toml"; } \
    | if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi
}

is_installed() { [ "$(cat "$venv/.installed-$1" 2>/dev/null)" = "$2" ] && "$venv/bin/python" -c '' 2>/dev/null; }

# environment LEVEL: .venv holds requirements/LEVEL.txt (local or dev) and the project, editable. Quick when it does.
environment() {
  local level=$1 wanted
  wanted=$(fingerprint "$level") || fail "requirements/$level.txt can't be read"
  is_installed "$level" "$wanted" && return
  private_folder
  (
    if command -v flock >/dev/null; then exec 9>"$tools/lock" && flock 9; fi
    is_installed "$level" "$wanted" || install_environment "$level" "$wanted"
  ) || exit 1
}

private_folder() {
  mkdir -p "$tools" && printf '*\n' >"$tools/.gitignore" || fail "$root can't be written to"
}

install_environment() {
  local level=$1 wanted=$2
  python=$(find_python) || fail "needs Python 3.11 or newer; install it, or name it: PYTHON=/path/to/python3 $0"
  installer_settings
  find_uv
  say "installing into .venv (once; about 150 MB)"
  make_venv || fail ".venv can't be made"
  rm -f "$venv"/.installed-*
  install_requirements "$level" || fail "the installation failed; is a package index reachable?"
  add_openmp
  printf '%s\n' "$wanted" >"$venv/.installed-$level"
  # dev holds all that local does.
  if [ "$level" = dev ]; then fingerprint local >"$venv/.installed-local"; fi
}

# Anew when there is none, its Python is gone, or the checkout was moved and the scripts in it point to the old place.
make_venv() {
  local made_for
  made_for=$(cat "$venv/.checkout" 2>/dev/null) || made_for=$root
  "$venv/bin/python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
    && [ "$made_for" = "$root" ] && return
  rm -rf "$venv"
  "${uv[@]}" venv -q --python "$python" "$venv" && printf '%s\n' "$root" >"$venv/.checkout"
}

install_requirements() {
  "${uv[@]}" pip install -q --python "$venv/bin/python" --only-binary :all: --require-hashes \
    -r "$root/requirements/$1.txt" || return
  "${uv[@]}" pip install -q --python "$venv/bin/python" --no-deps \
    --build-constraint "$root/requirements/build.txt" --editable "$root"
}
