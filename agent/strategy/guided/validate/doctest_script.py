"""Runs in the sandbox: runs documented examples on a module, and prints how many of those of some functions fail.

    python3 doctest_script.py MODULE PATTERN TEXTS MARK

in the repository's root. PATTERN is a regular expression for the examples that count, TEXTS a JSON list of texts with
examples; the last line of the output is MARK with the number behind it.
"""

from __future__ import annotations

import doctest
import importlib
import json
import re
import sys


def failing_examples(module: str, pattern: str, texts: str) -> int:
    """How many of the examples fail, each text's with a fresh copy of the module's names."""
    names = vars(importlib.import_module(module))
    failed = 0

    class Runner(doctest.DocTestRunner):
        def _count(self, *args: object) -> None:
            nonlocal failed
            example = args[2]
            failed += isinstance(example, doctest.Example) and bool(re.search(pattern, example.source))

        report_failure = report_unexpected_exception = _count  # type: ignore[assignment]

        def report_start(self, *_: object) -> None: ...
        def report_success(self, *_: object) -> None: ...

    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    for text in json.loads(texts):
        test = doctest.DocTestParser().get_doctest(text, dict(names), "documentation", None, 0)
        Runner(verbose=False, optionflags=flags).run(test, out=lambda _: None)
    return failed


if __name__ == "__main__":
    sys.path[:0] = [".", "src"]
    sys.stdout.write(f"{sys.argv[4]} {failing_examples(*sys.argv[1:4])}\n")
