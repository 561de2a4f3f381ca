"""What a command printed, within a bound: what was dropped is counted and told, never taken for all there was."""

from __future__ import annotations

import pytest

from sandbox.protocol import ExecResult, Output


def test_an_output_of_which_nothing_was_dropped_is_whole() -> None:
    output = Output(b"caf\xe9\n")
    assert (output.total, output.whole, output.text()) == (5, b"caf\xe9\n", "caf\ufffd\n")


def test_one_that_was_cut_says_so_and_is_not_whole() -> None:
    output = Output(b"begin", b"end", 1000)
    assert output.total == 1008
    assert output.text() == "begin\n[... 1000 bytes left out ...]\nend"
    with pytest.raises(ValueError, match="1000 of 1008 bytes"):
        output.whole  # noqa: B018


@pytest.mark.parametrize(
    ("result", "ok"),
    [(ExecResult(0), True), (ExecResult(1), False), (ExecResult(0, ended="timeout"), False), (ExecResult(0, ended="stopped"), False)],
)  # fmt: skip
def test_a_command_is_well_only_where_it_ended_by_itself(result: ExecResult, ok: bool) -> None:
    assert result.ok is ok
