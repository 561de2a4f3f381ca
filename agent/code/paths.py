"""What a path of a repository is, by its name: the one rule for tests."""

from __future__ import annotations

import re

_TEST_MODULE = re.compile(
    r"(^|/)(test_[^/]*|[^/]*_test)\.\w+$"  # Python, Go, C, Dart
    r"|(^|/)tests?([A-Z\d][^/]*)?\.py$"  # Django's own, and what unittest's discovery finds
    r"|\.(test|spec)\.\w+$"  # JavaScript, TypeScript
    r"|_spec\.(?!pyi?$)\w+$"  # Ruby, Lua; in Python a specification
    r"|([^/]Tests?|[a-z0-9]IT)\.(java|kts?|groovy|scala|cs|fs|vb|php|swift|mm?|cc|cpp|cxx)$"
)
# `testing` inside a package is a part of the product (numpy.testing), at the top it holds tests (pytest's own)
_BESIDE_TESTS = re.compile(r"(^|/)([Tt]ests?|spec|__tests__)/|^testing/|(^|/)conftest\.py$")


def is_test_module(path: str) -> bool:
    """Whether a test runner collects tests from the file, going by its name."""
    return bool(_TEST_MODULE.search(path))


def is_test(path: str) -> bool:
    """Whether the file is a test, or lies among tests as their helpers and data do."""
    return is_test_module(path) or bool(_BESIDE_TESTS.search(path))
