"""A patch in the parts that the evidence needs: its code, its tests, and what says how tests run."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from agent.code.paths import is_test
from agent.repo.diffs import read_diff
from agent.verify.test_configuration import files_that_say_how_tests_run


@dataclass(frozen=True)
class PatchParts:
    """Patches of which each has some files of the whole. A part without files is empty.

    `deciding` is `code` and `tests`; `configuration` are the paths that it leaves out.
    """

    whole: bytes
    deciding: bytes
    code: bytes
    tests: bytes
    configuration: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        patch: bytes,
        files: Sequence[str],
        *,
        command: str = "",
        repository_files: Collection[str] = (),
        tests: Collection[str] = (),
    ) -> PatchParts:
        """The parts of a patch; `files` are its paths as git's index has them, in its order.

        `tests` are paths that count as tests beside those that look like tests. A patch that can't be read is all code.
        """
        parts = read_diff(patch)
        if len(parts) != len(files):
            return cls(patch, patch, patch, b"")
        configuration = files_that_say_how_tests_run(files, command, repository_files)
        sections = [(each.section, path) for each, path in zip(parts, files, strict=True) if path not in configuration]
        code = b"".join(section for section, path in sections if not is_test(path) and path not in tests)
        tested = b"".join(section for section, path in sections if is_test(path) or path in tests)
        deciding = b"".join(section for section, _ in sections)
        return cls(patch, deciding, code, tested, tuple(configuration))
