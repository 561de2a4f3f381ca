"""A model in several files: refused with the command that gets it, and used when it is there."""

from __future__ import annotations

import shlex
from functools import partial
from pathlib import Path

import anyio
import pytest

from agent.catalogue.download import hub_command, on_disk, pull
from agent.catalogue.profiles import GgufFile, find_profile
from agent.errors import ModelUnavailable

MODEL = find_profile("qwen3-coder-480b")


@pytest.fixture
def file() -> GgufFile:
    found = MODEL.gguf_file()
    assert found is not None and len(found.parts) == 6
    return found


def lay(folder: Path, file: GgufFile, *, missing: int = 0) -> Path:
    """Sparse files of the right size altogether, the last ones missing; the first one's path."""
    folder.mkdir(parents=True, exist_ok=True)
    each = file.bytes // len(file.parts)
    for part in file.parts[: len(file.parts) - missing]:
        size = each if part != file.parts[-1] else file.bytes - each * (len(file.parts) - 1)
        with (folder / Path(part).name).open("wb") as sparse:
            sparse.truncate(size)
    return folder / file.name


def test_it_is_not_downloaded_and_the_command_that_does_is_said(tmp_path: Path, file: GgufFile) -> None:
    with pytest.raises(ModelUnavailable, match="one of 6 files") as caught:
        anyio.run(partial(pull, MODEL, directory=tmp_path))
    assert caught.value.hint == hub_command(file, tmp_path)
    words = shlex.split(caught.value.hint)
    assert words[:3] == ["hf", "download", file.repo]
    assert words[words.index("--include") + 1] == "Q4_K_M/Qwen3-Coder-480B-A35B-Instruct-Q4_K_M*"
    assert words[words.index("--local-dir") + 1] == str(tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("below", ["", "Q4_K_M"])
def test_it_is_found_where_that_command_puts_it(tmp_path: Path, file: GgufFile, below: str) -> None:
    first = lay(tmp_path / below, file)
    assert on_disk(MODEL, directory=tmp_path) == first
    assert anyio.run(partial(pull, MODEL, directory=tmp_path)) == first


def test_with_a_part_missing_it_is_not_there(tmp_path: Path, file: GgufFile) -> None:
    lay(tmp_path, file, missing=1)
    assert on_disk(MODEL, directory=tmp_path) is None
    with pytest.raises(ModelUnavailable):
        anyio.run(partial(pull, MODEL, directory=tmp_path))
