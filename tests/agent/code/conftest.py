"""A commit that is not in git, for an index to read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest


@dataclass(frozen=True)
class File:
    """A file of a commit."""

    path: str
    blob: str
    mode: str = "100644"


@dataclass
class Commit:
    """A commit with these files; `read` tells which contents were asked for."""

    files: dict[str, str]
    read: list[str] = field(default_factory=list)

    def entries(self) -> list[File]:
        return [File(path, self._blob(text)) for path, text in self.files.items()]

    def blobs(self, entries: list[File]) -> Iterator[tuple[File, bytes]]:
        for entry in entries:
            self.read.append(entry.path)
            yield entry, self.files[entry.path].encode()

    @staticmethod
    def _blob(text: str) -> str:
        data = text.encode()
        return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


SHOP = {
    "shop/__init__.py": "",
    "shop/prices.py": (
        "RATE = 0.19\n\n\ndef net(gross):\n    return gross / (1 + RATE)\n\n\nclass Basket:\n    def __init__(self):\n"
        "        self.items = []\n\n    def total(self):\n        return sum(net(item) for item in self.items)\n"
    ),
    "shop/orders.py": (
        "from shop.prices import Basket\nfrom . import mail\n\n\nclass Order:\n    def place(self):\n"
        "        basket = Basket()\n        mail.confirm(basket.total())\n"
    ),
    "shop/mail.py": "def confirm(total):\n    def inner():\n        return total\n    return inner()\n",
    "web/cart.js": "import { total } from './sum';\nexport function show() { return total(1); }\n",
    "web/sum.js": "export function total(x) { return x; }\n",
    "tests/test_prices.py": "from shop.prices import net\n\n\ndef test_net():\n    assert net(119) == 100\n",
    "README.md": "# Shop\n",
}


@pytest.fixture
def shop() -> Commit:
    """A small shop."""
    return Commit(dict(SHOP))
