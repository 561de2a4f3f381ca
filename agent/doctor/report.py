"""What was found: one check a line, and the figures behind them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from agent.errors import BackendRefused, BackendUnreachable, SweAgentError
from agent.text import printable

State = Literal["ok", "warn", "fail"]

PARTS = ("server", "window", "rungs", "speed", "prefix_cache", "sandbox")
"""The parts of the report that are there in any case, empty where nothing was found out."""


_LEAST_SECRET = 6  # characters; the journal has the same: a shorter one stands in every other word


@dataclass(frozen=True)
class Check:
    """One line: `warn` can be lived with, `fail` can't. `mend` is what to do about it.

    `exit_code` is that of the program if this fails; `figures` are for programs that read the report.
    """

    name: str
    state: State
    value: str
    mend: str = ""
    exit_code: int = 1
    figures: dict[str, Any] = field(default_factory=dict)


@dataclass
class Report:
    """All checks in order. Text that came from elsewhere is made printable, and `secrets` are masked, on its way in."""

    secrets: tuple[str, ...] = ()
    checks: list[Check] = field(default_factory=list)
    parts: dict[str, dict[str, Any]] = field(default_factory=lambda: {name: {} for name in PARTS})

    def add(self, check: Check) -> None:
        """Take in a check."""
        self.checks.append(
            replace(
                check, value=self._clean(check.value), mend=self._clean(check.mend), figures=self._clean(check.figures)
            )
        )

    def tell(self, part: str, **figures: Any) -> None:
        """Take in figures of one of `PARTS`."""
        self.parts[part] |= self._clean(figures)

    @property
    def ok(self) -> bool:
        """Whether all that is needed works."""
        return not self.failed

    @property
    def failed(self) -> list[Check]:
        """What is needed and does not work."""
        return [check for check in self.checks if check.state == "fail"]

    @property
    def exit_code(self) -> int:
        """The exit code of the first thing that does not work, else 0."""
        return self.failed[0].exit_code if self.failed else 0

    def as_json(self) -> dict[str, Any]:
        """The report as one JSON object."""
        checks = [
            {"name": check.name, "state": check.state, "value": check.value, "mend": check.mend, **check.figures}
            for check in self.checks
        ]
        return {"ok": self.ok, "exit_code": self.exit_code, "checks": checks, **self.parts}

    def _clean(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._clean(each) for key, each in value.items()}
        if not isinstance(value, str):
            return value
        for secret in (each for each in self.secrets if len(each) >= _LEAST_SECRET):
            value = value.replace(secret, "********")
        return printable(value)


async def guarded(name: str, check: Callable[[], Awaitable[Check]]) -> Check:
    """What `check` gives, or what it raised as a check that failed: the other checks go on."""
    try:
        return await check()
    except SweAgentError as error:
        return Check(name, "fail", error.message, mend_for(error), error.exit_code)
    except Exception as error:  # a mistake of ours must not hide what else is wrong
        return Check(name, "fail", f"internal error: {error!r}", "please report it, with this line")


def mend_for(error: SweAgentError) -> str:
    """What to do about an error: its hint, but for those whose hint leads here."""
    if isinstance(error, BackendRefused) and error.status in {401, 403}:
        return "give the server's key: --api-key KEY, or SWE_AGENT_API_KEY in the environment"
    if isinstance(error, BackendUnreachable):
        return "start that server, or give another --base-url; `swe-agent models serve` starts one of our own"
    return error.hint
