"""What is in the wheel, and what is in the locks."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LOCKS = sorted(path.name for path in (ROOT / "requirements").iterdir())
PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^ ;\\]+)", re.MULTILINE)
LOCAL_PATH = re.compile(r"(?<![\w-])(file:|~/|\.\./|/(?:home|root|opt|tmp|work|usr|var|Users)/)")
INDEX_OPTION = re.compile(r"--(?:\w+-)*(?:index|index-url|find-links|trusted-host)\b")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names of the files in a freshly built wheel."""
    out = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    (path,) = out.glob("*.whl")
    return set(zipfile.ZipFile(path).namelist())


def data_files(folder: str) -> set[str]:
    """What git would hand to a user of the folder, code aside."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", folder],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")
    return {name for name in listed if name and not name.endswith(".py") and (ROOT / name).is_file()}


@pytest.mark.parametrize("folder", ["agent", "tools", "sandbox", "prompts"])
def test_wheel_has_the_code_of_every_package(wheel: set[str], folder: str) -> None:
    code = {str(path.relative_to(ROOT)) for path in (ROOT / folder).rglob("*.py")}
    assert code
    assert code <= wheel


@pytest.mark.parametrize("folder", ["agent", "prompts", "sandbox"])
def test_wheel_has_the_data_the_code_reads(wheel: set[str], folder: str) -> None:
    data = data_files(folder)
    assert data
    assert data <= wheel


def test_wheel_has_the_examples_inside_the_package(wheel: set[str]) -> None:
    inside = {name.removeprefix("agent/") for name in wheel if name.startswith("agent/examples/")}
    assert inside
    assert data_files("examples") <= inside


def test_wheel_has_the_dockerfile_and_the_licence(wheel: set[str]) -> None:
    assert "sandbox/images/Dockerfile" in wheel
    assert any(name.endswith("licenses/LICENSE") for name in wheel)


def test_wheel_has_nothing_else(wheel: set[str]) -> None:
    assert {name.partition("/")[0] for name in wheel if ".dist-info/" not in name} <= {
        "agent",
        "tools",
        "sandbox",
        "prompts",
    }


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_names_no_host_and_no_path(lock: str) -> None:
    text = (ROOT / "requirements" / lock).read_text()
    assert "://" not in text
    assert not LOCAL_PATH.search(text)
    assert not INDEX_OPTION.search(text)


@pytest.mark.parametrize("lock", [name for name in LOCKS if name.endswith(".txt")])
def test_every_pin_has_a_hash(lock: str) -> None:
    text = (ROOT / "requirements" / lock).read_text()
    blocks = re.split(r"^(?=\S)", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE), flags=re.MULTILINE)
    pins = [block for block in blocks if block.strip()]
    assert pins
    assert all(PIN.match(block) and "--hash=sha256:" in block for block in pins)


def pins(lock: str) -> dict[str, str]:
    text = (ROOT / "requirements" / lock).read_text()
    return {canonicalize_name(name): version for name, version in PIN.findall(text)}


def requirements() -> dict[str, list[str]]:
    """What pyproject.toml asks for, by the lock that must hold it."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        wanted = tomllib.load(file)
    core = wanted["project"]["dependencies"]
    local = core + wanted["project"]["optional-dependencies"]["local"]
    return {
        "core.txt": core,
        "local.txt": local,
        "dev.txt": local + wanted["dependency-groups"]["dev"],
        "build.txt": wanted["build-system"]["requires"],
    }


@pytest.mark.parametrize("lock", ["core.txt", "local.txt", "dev.txt", "build.txt"])
def test_lock_satisfies_pyproject(lock: str) -> None:
    held = pins(lock)
    for requirement in map(Requirement, requirements()[lock]):
        version = held.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement.name} is not in {lock}: run scripts/lock"
        assert requirement.specifier.contains(version, prereleases=True), f"{requirement}: run scripts/lock"


def test_locks_agree_on_versions() -> None:
    dev = pins("dev.txt")
    for lock in ("core.txt", "local.txt"):
        held = pins(lock)
        assert held.items() <= dev.items(), f"{lock} differs from dev.txt: run scripts/lock"
