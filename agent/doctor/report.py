"""The report: one line for each check, and the figures behind them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from agent.errors import BackendRefused, BackendUnreachable, SweAgentError
from agent.text import printable

State = Literal["ok", "warn", "fail"]

PARTS = ("server", "window", "rungs", "speed", "prefix_cache", "sandbox")
"""The objects of the JSON report beside its checks; one is empty where nothing was measured."""


_MIN_SECRET_LENGTH = 6  # characters, as in the journal: a shorter secret is part of ordinary words


@dataclass(frozen=True)
class Check:
    """One line of the report.

    `state`: "warn" is a limitation, "fail" keeps sessions from working. `remedy` is what to do about it, empty when
    there is nothing to do. `exit_code` is the program's if this check fails. `figures` are further keys of the check
    in the JSON report.
    """

    name: str
    state: State
    value: str
    remedy: str = ""
    exit_code: int = 1
    figures: dict[str, Any] = field(default_factory=dict)


@dataclass
class Report:
    """All checks in order. Text is made printable, and `secrets` in it are masked, when it is added."""

    secrets: tuple[str, ...] = ()
    checks: list[Check] = field(default_factory=list)
    parts: dict[str, dict[str, Any]] = field(default_factory=lambda: {name: {} for name in PARTS})

    def add(self, check: Check) -> None:
        """Add a check."""
        self.checks.append(
            replace(
                check,
                value=self._clean(check.value),
                remedy=self._clean(check.remedy),
                figures=self._clean(check.figures),
            )
        )

    def add_figures(self, part: str, **figures: Any) -> None:
        """Add figures to one of `PARTS`."""
        self.parts[part] |= self._clean(figures)

    @property
    def ok(self) -> bool:
        """Whether no check failed."""
        return not self.failed

    @property
    def failed(self) -> list[Check]:
        """The checks that failed, in order."""
        return [check for check in self.checks if check.state == "fail"]

    @property
    def exit_code(self) -> int:
        """The exit code of the first failed check, else 0."""
        return self.failed[0].exit_code if self.failed else 0

    def as_json(self) -> dict[str, Any]:
        """The report as one JSON object."""
        checks = [
            {"name": check.name, "state": check.state, "value": check.value, "mend": check.remedy, **check.figures}
            for check in self.checks
        ]
        return {"ok": self.ok, "exit_code": self.exit_code, "checks": checks, **self.parts}

    def _clean(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._clean(each) for key, each in value.items()}
        if not isinstance(value, str):
            return value
        for secret in (each for each in self.secrets if len(each) >= _MIN_SECRET_LENGTH):
            value = value.replace(secret, "********")
        return printable(value)


async def guarded(name: str, check: Callable[[], Awaitable[Check]]) -> Check:
    """The result of `check`, or its exception as a failed check, so that the other checks still run."""
    try:
        return await check()
    except SweAgentError as error:
        return Check(name, "fail", error.message, remedy_for(error), error.exit_code)
    except Exception as error:  # a mistake of ours must not hide what else is wrong
        return Check(name, "fail", f"internal error: {error!r}", "please report it, with this line")


def remedy_for(error: SweAgentError) -> str:
    """What to do about an error: its hint, except where the hint is to run doctor."""
    if isinstance(error, BackendRefused) and error.status in {401, 403}:
        return "give the server's key: --api-key KEY, or SWE_AGENT_API_KEY in the environment"
    if isinstance(error, BackendUnreachable):
        return "start that server, or give another --base-url; `swe-agent models serve` starts one of our own"
    return error.hint
