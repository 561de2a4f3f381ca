"""Sessions of one machine have a slot each at a server that has several; what is asked beside takes another."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest
from asking import ask
from doubles import GenericDouble, LlamaCppDouble

from agent.model.servers import Server
from agent.model.slots import own_slot
from agent.model.types import Request


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SWE_AGENT_HOME", str(tmp_path / "home"))


def servers(double: LlamaCppDouble, count: int) -> list[Server]:
    """The same server, as several sessions know it."""
    return [ask(double).server for _ in range(count)]


def test_each_session_has_its_own_and_the_last_one_none() -> None:
    with LlamaCppDouble("hi", slots=2) as double, ExitStack() as held:
        sessions = servers(double, 3)
        for each in sessions:
            held.enter_context(own_slot(each))
        assert [each.slot_for("own") for each in sessions] == [0, 1, None]
        assert {each.slot_for("side") for each in sessions} == {None}  # others have them all
        assert {each.slot_for("any") for each in sessions} == {None}


def test_a_slot_is_free_again_when_its_session_is_over() -> None:
    with LlamaCppDouble("hi", slots=2) as double:
        one, other = servers(double, 2)
        with own_slot(one):
            assert (one.slot_for("own"), one.slot_for("side")) == (0, 1)
        assert one.slot_for("own") is None
        with own_slot(other):
            assert other.slot_for("own") == 0


def test_a_request_carries_its_slot_and_no_other_does() -> None:
    with LlamaCppDouble("hi", slots=2) as double:
        (server,) = servers(double, 1)
        messages = [{"role": "user", "content": "hi"}]
        with own_slot(server):
            sent = [server.body(Request(messages, 8, slot=slot))["extra_body"].get("id_slot") for slot in ("own", "side", "any")]  # type: ignore[arg-type] # fmt: skip
            assert sent == [0, 1, None]
            assert server.release_slot() and not server.release_slot()
            assert "id_slot" not in server.body(Request(messages, 8, slot="own"))["extra_body"]


@pytest.mark.parametrize("kind", ["one slot", "another server", "no directory"])
def test_elsewhere_the_server_chooses(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if kind == "no directory":
        (tmp_path / "file").write_text("")
        monkeypatch.setenv("SWE_AGENT_HOME", str(tmp_path / "file"))
    double = (
        GenericDouble("hi") if kind == "another server" else LlamaCppDouble("hi", slots=1 if kind == "one slot" else 2)
    )
    with double:
        server = ask(double).server
        with own_slot(server):
            assert server.slot_for("own") is None
