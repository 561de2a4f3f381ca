"""What `fix` prints of a delivery."""

from __future__ import annotations

import pytest

from agent.app.delivery import Delivery
from agent.ui.fix import print_delivery


@pytest.mark.parametrize(
    ("delivery", "json_lines", "printed", "said"),
    [
        (Delivery(), False, b"", ""),
        (Delivery(unwritten=b"diff \xff\n"), False, b"diff \xff\n", ""),
        (Delivery(unwritten=b"diff\n"), True, b"", ""),
        (Delivery(applied=True), False, b"", "swe-agent: the patch is applied to the work tree\n"),
        (Delivery(branch="swe-agent/x", commit="0123456789abcdef"), True, b"",
         "swe-agent: commit 0123456789ab on branch swe-agent/x\n"),
    ],
    ids=["nothing", "the patch's bytes", "JSON lines have it", "applied", "a branch"],
)  # fmt: skip
def test_a_delivery_is_printed(
    capfdbinary: pytest.CaptureFixture[bytes], delivery: Delivery, json_lines: bool, printed: bytes, said: str
) -> None:
    print_delivery(delivery, json_lines=json_lines)
    out, err = capfdbinary.readouterr()
    assert (out, err.decode()) == (printed, said)
