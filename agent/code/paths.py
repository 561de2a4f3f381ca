"""One rule for what a path of a repository is."""

from __future__ import annotations

import re

_TEST_PATH = re.compile(
    r"(^|/)(tests?|testing|spec|__tests__)/|(^|/)(test_[^/]*|[^/]*_test|conftest)\.\w+$|\.(test|spec)\.\w+$"
)


def is_test(path: str) -> bool:
    """Whether a path looks like that of a test."""
    return bool(_TEST_PATH.search(path))
