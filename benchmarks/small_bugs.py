"""Small repositories with bugs and their issues, for benchmarks that need sessions of all kinds."""

from __future__ import annotations

import shutil
import subprocess
import textwrap
from dataclasses import dataclass
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "timetable"


@dataclass(frozen=True)
class Bug:
    """A repository with a bug, and an issue that tells of it. Texts may be indented."""

    name: str
    issue: str
    files: dict[str, str]


BUGS = (
    Bug(
        "slug",
        """\
        # Slugs have doubled hyphens

        `slugify("Salt & pepper")` gives `salt--pepper`; our links then break. It should be `salt-pepper`, and there
        should be no hyphen at either end.
        """,
        {
            "text/__init__.py": "",
            "text/slug.py": '''\
                """Titles as parts of a URL."""


                def slugify(title: str) -> str:
                    kept = [letter if letter.isalnum() or letter == " " else "" for letter in title.lower()]
                    return "".join(kept).replace(" ", "-")
                ''',
            "tests/__init__.py": "",
            "tests/test_slug.py": """\
                import unittest

                from text.slug import slugify


                class Slugs(unittest.TestCase):
                    def test_words(self):
                        self.assertEqual(slugify("Hello World"), "hello-world")

                    def test_punctuation(self):
                        self.assertEqual(slugify("Salt & pepper"), "salt-pepper")
                """,
        },
    ),
    Bug(
        "roman",
        """\
        # from_roman("XIV") is 16

        Numerals in which a smaller one stands before a larger one come out too large: `XIV` gives 16, `IX` 11, `MCM`
        2100. Those in falling order are right. There is no test for this yet.
        """,
        {
            "numerals.py": '''\
                """Roman numerals."""

                VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}


                def from_roman(text: str) -> int:
                    """The number a numeral stands for; ValueError for anything else."""
                    total = 0
                    for letter in text.upper():
                        if letter not in VALUES:
                            raise ValueError(f"{letter!r} is no numeral")
                        total += VALUES[letter]
                    return total
                ''',
            "tests/__init__.py": "",
            "tests/test_numerals.py": """\
                import unittest

                from numerals import from_roman


                class Numerals(unittest.TestCase):
                    def test_falling(self):
                        self.assertEqual(from_roman("MDCLXVI"), 1666)
                """,
        },
    ),
    Bug(
        "cache",
        """\
        # The cache throws out what was just used

        With room for two, put a and b, get a, put c: now `a` is gone, though it was used last. `b` should go.

            File "cache/lru.py", line 21, in get
            KeyError: 'a'
        """,
        {
            "cache/__init__.py": "from cache.lru import Cache\n",
            "cache/lru.py": '''\
                """A cache that keeps what was used last."""

                from collections import OrderedDict


                class Cache:
                    def __init__(self, room):
                        self.room = room
                        self._kept = OrderedDict()

                    def put(self, key, value):
                        self._kept[key] = value
                        self._kept.move_to_end(key)
                        if len(self._kept) > self.room:
                            self._kept.popitem(last=False)

                    def get(self, key):
                        return self._kept[key]

                    def __contains__(self, key):
                        return key in self._kept
                ''',
            "tests/__init__.py": "",
            "tests/test_lru.py": """\
                import unittest

                from cache import Cache


                class Lru(unittest.TestCase):
                    def test_room(self):
                        cache = Cache(2)
                        for key in "abc":
                            cache.put(key, key.upper())
                        self.assertNotIn("a", cache)
                        self.assertEqual(cache.get("c"), "C")

                    def test_used_last_stays(self):
                        cache = Cache(2)
                        cache.put("a", 1)
                        cache.put("b", 2)
                        cache.get("a")
                        cache.put("c", 3)
                        self.assertIn("a", cache)
                """,
        },
    ),
    Bug(
        "ledger",
        """\
        # Refunds are added instead of subtracted

        A statement with the lines `coffee;3.50` and `refund;-3.50` has a total of 7.00. The amount's sign seems to be
        lost somewhere between reading the statement and `total`. Please add a test, too.
        """,
        {
            "README.md": "# Ledger\n\nReads statements: a line an entry, `text;amount`.\n",
            "ledger/__init__.py": "",
            "ledger/amounts.py": '''\
                """Amounts of money, in cents."""


                def cents(text: str) -> int:
                    whole, _, part = text.strip().lstrip("+-").partition(".")
                    return int(whole) * 100 + int((part + "00")[:2])
                ''',
            "ledger/statement.py": '''\
                """Statements and their totals."""

                from ledger.amounts import cents


                def entries(statement: str) -> list[tuple[str, int]]:
                    rows = (line.rpartition(";") for line in statement.splitlines() if line.strip())
                    return [(name, cents(amount)) for name, _, amount in rows]


                def total(statement: str) -> int:
                    return sum(amount for _, amount in entries(statement))
                ''',
            "tests/__init__.py": "",
            "tests/test_statement.py": """\
                import unittest

                from ledger.statement import total


                class Statements(unittest.TestCase):
                    def test_total(self):
                        self.assertEqual(total("tea;2.20\\ncake;3"), 520)
                """,
        },
    ),
)


def make_repositories(scratch: Path) -> list[tuple[str, Path, Path]]:
    """The repositories, committed, each with its name and its issue's file."""
    made = []
    for bug in BUGS:
        place, issue = scratch / bug.name, scratch / f"{bug.name}.md"
        for path, content in bug.files.items():
            (place / path).parent.mkdir(parents=True, exist_ok=True)
            (place / path).write_text(textwrap.dedent(content), encoding="utf-8")
        issue.write_text(textwrap.dedent(bug.issue), encoding="utf-8")
        made.append((bug.name, place, issue))
    shutil.copytree(EXAMPLE / "repository", scratch / "timetable")
    made.append(("timetable", scratch / "timetable", EXAMPLE / "issue.md"))
    for _, place, _ in made:
        identity = ["-c", "user.name=benchmark", "-c", "user.email=benchmark@localhost", "-c", "commit.gpgsign=false"]
        for command in (["init", "-q"], ["add", "."], [*identity, "commit", "-qm", "start"]):
            subprocess.run(["git", "-C", str(place), *command], check=True)
    return made
