"""Characters that look alike become the same ASCII characters; all others stay."""

from __future__ import annotations

import pytest

from tools.editing.lookalikes import fold


@pytest.mark.parametrize(
    ("written", "folded"),
    [
        ("\u201ca\u201d \u2018b\u2019", "\"a\" 'b'"),
        ("a \u2013 b\u00a0c\u2026", "a - b c..."),
        ("\uff41\uff1d\uff11", "a=1"),
        ("a\u200bb\ufeff", "ab"),
        ("caf\u00e9 \u6f22", "caf\u00e9 \u6f22"),
    ],
)
def test_a_line_is_folded(written: str, folded: str) -> None:
    assert fold(written) == folded == fold(folded)
