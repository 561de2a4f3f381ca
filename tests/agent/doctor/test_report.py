"""A report: what it exits with, and what is made of text that came from elsewhere."""

from __future__ import annotations

import json

import anyio
import pytest

from agent.doctor.report import PARTS, Check, Report, guarded
from agent.errors import BackendRefused, BackendUnreachable, SandboxUnavailable, SweAgentError


def test_the_first_failure_gives_the_exit_code() -> None:
    report = Report()
    report.add(Check("window", "warn", "small", exit_code=3))
    assert (report.ok, report.exit_code) == (True, 0)
    report.add(Check("sandbox", "fail", "none", exit_code=4))
    report.add(Check("git", "fail", "none"))
    assert (report.ok, report.exit_code) == (False, 4)
    assert [check.name for check in report.failed] == ["sandbox", "git"]


def test_text_from_elsewhere_is_printable_and_holds_no_key() -> None:
    report = Report(secrets=("sesame-open", "", "a"))
    report.add(
        Check("backend", "fail", "\x1b[31mkey sesame-open\x07", "say sesame-open", figures={"deep": {"x": "\x9b1"}})
    )
    report.add_figures("server", model="m\x1b]0;title\x07", version="sesame-open")
    check = report.checks[0]
    assert check.value == "key ********\\x07"
    assert check.remedy == "say ********"
    assert check.figures == {"deep": {"x": "\\x9b1"}}
    assert report.parts["server"] == {"model": "m", "version": "********"}


def test_json_has_every_part_and_the_figures_of_each_check() -> None:
    report = Report()
    report.add(Check("git", "ok", "2.39", figures={"version": "2.39"}))
    found = json.loads(json.dumps(report.as_json()))
    assert found["checks"] == [{"name": "git", "state": "ok", "value": "2.39", "mend": "", "version": "2.39"}]
    assert found["ok"] is True
    assert all(found[part] == {} for part in PARTS)


@pytest.mark.parametrize(
    ("error", "exit_code", "remedy"),
    [
        (SandboxUnavailable("no", hint="install it"), 4, "install it"),
        (BackendUnreachable("no", hint="`swe-agent doctor` checks"), 3, "swe-agent models serve"),
        (BackendRefused("no", status=401), 3, "--api-key"),
        (SweAgentError("no"), 1, ""),
        (ZeroDivisionError("oh"), 1, "report it"),
    ],
)
def test_what_a_check_raises_is_a_line(error: Exception, exit_code: int, remedy: str) -> None:
    async def check() -> Check:
        raise error

    line = anyio.run(guarded, "thing", check)
    assert (line.name, line.state, line.exit_code) == ("thing", "fail", exit_code)
    assert remedy in line.remedy
    assert str(getattr(error, "message", "ZeroDivisionError")) in line.value
