"""The sandboxes: really started, a command run, the network shown to be off, the reason where one does not work."""

from __future__ import annotations

import tempfile
from pathlib import Path

import anyio
import pytest

from agent.config import Settings
from agent.doctor.report import Check, Report
from agent.doctor.sandboxes import check_sandboxes, network_is_off

HEAD = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
V4 = "eth0\t00000000\t010011AC\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
V6 = "{zero} 00 {zero} 00 {zero} ffffffff 00000001 00000000 00200200 {device}\n"


def v6(device: str) -> str:
    return V6.format(zero="0" * 32, device=device)


def checked(**settings: str) -> tuple[Report, dict[str, Check]]:
    report = Report()

    async def run() -> None:
        await check_sandboxes(report, Settings.model_validate(settings), on_progress=lambda _: None)

    anyio.run(run)
    return report, {check.name: check for check in report.checks}


@pytest.fixture
def no_docker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")


def test_each_kind_works_with_the_network_off(kind: str) -> None:
    report, lines = checked(sandbox=kind)
    assert lines["sandbox"].state == "ok"
    assert "the network is off" in lines["sandbox"].value
    told = report.parts["sandbox"]
    assert (told["asked"], told["kind"], told["network_off"]) == (kind, kind, True)
    engine = told[kind].pop("engine")
    assert told[kind] == {"works": True, "reason": ""}
    assert (engine != "") == (kind == "docker")


@pytest.mark.usefixtures("no_docker")
def test_auto_falls_back_and_says_why() -> None:
    report, lines = checked()
    assert report.ok
    assert lines["sandbox"].value.startswith("bubblewrap (the first that works)")
    assert lines["Docker"].state == "warn"
    assert "no Docker engine answers" in lines["Docker"].value
    assert "systemctl start docker" in lines["Docker"].remedy
    assert report.parts["sandbox"]["docker"]["works"] is False


@pytest.mark.usefixtures("no_docker")
def test_the_one_that_was_asked_for_has_to_work() -> None:
    report, lines = checked(sandbox="docker")
    assert (lines["sandbox"].state, report.exit_code) == ("fail", 4)
    assert "systemctl start docker" in lines["sandbox"].remedy
    assert lines["bubblewrap"].state == "ok"
    assert report.parts["sandbox"]["kind"] is None


@pytest.mark.usefixtures("no_docker")
def test_without_isolation_the_network_is_seen_to_be_open() -> None:
    report, lines = checked(sandbox="local")
    assert lines["sandbox"].state == "warn"
    assert "no isolation" in lines["sandbox"].value
    assert report.parts["sandbox"]["network_off"] is False


@pytest.mark.usefixtures("no_docker")
def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    checked()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("printed", "off"),
    [
        ("looked\n", True),
        (HEAD + v6("lo") + "looked\n", True),
        ("reached\n" + HEAD + "looked\n", False),
        (HEAD + V4 + "looked\n", False),
        (HEAD + v6("lo") + v6("eth0") + "looked\n", False),
    ],
)
def test_routes_tell_whether_the_network_is_off(printed: str, off: bool) -> None:
    assert network_is_off(printed) is off
