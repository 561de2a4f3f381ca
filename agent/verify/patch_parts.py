"""A patch in the parts that the evidence needs: its code, its tests, and what says how tests run."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from agent.code.paths import is_test
from agent.repo.diffs import read_diff
from agent.verify.configuration_files import files_that_say_how_tests_run

# what tests compare with, beside what lies among the tests: Go's, jest's and others' usual places
_TEST_DATA = re.compile(
    r"(^|/)(([^/]*[-_.])?tests?|test[-_]?(data|cases|files|resources)|fixtures?|__snapshots__|goldens?)/|\.(snap|golden)$",
    re.IGNORECASE,
)


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
    is_split: bool = True
    """Whether the whole could be read; where it could not, it is all code, and shows nothing."""

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
            return cls(patch, patch, patch, b"", is_split=False)
        configuration = files_that_say_how_tests_run(files, command, repository_files)
        sections = [(each.section, path) for each, path in zip(parts, files, strict=True) if path not in configuration]
        of_tests = {path for _, path in sections if is_test(path) or path in tests or _TEST_DATA.search(path)}
        code = b"".join(section for section, path in sections if path not in of_tests)
        tested = b"".join(section for section, path in sections if path in of_tests)
        deciding = b"".join(section for section, _ in sections)
        return cls(patch, deciding, code, tested, tuple(configuration))
