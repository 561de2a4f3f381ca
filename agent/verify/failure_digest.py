"""A digest of the failures of a test run for the model: each cause once, with the lines of code that it names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from agent.session.events import TestFailure, TestsRan
from agent.text import estimate_tokens, truncate

Sources = Callable[[str], str | None]

_CONTEXT_LINES = 2  # of code before and after a location
_MAX_LOCATIONS = 4  # of a failure
_MAX_MESSAGE_LINES = 12
_MAX_NAMES = 8
_MIN_CAUSE_TOKENS = 60


def _no_sources(_: str) -> str | None:
    return None


def digest(ran: TestsRan, tokens: int, sources: Sources = _no_sources) -> str:
    """What failed in a run, within about `tokens`: each cause once, with the code around the lines it names.

    `sources` gives the text of a file of the repository by its path, or None. Of a run that names no failure it is the
    last lines; of one that was stopped, where it was.
    """
    if ran.ended == "timeout":
        return _stopped(ran, tokens, sources)
    head = _headline(ran)
    groups = _groups(ran.details)
    if not groups:
        return f"{head}\n{_tail(ran.output, tokens - estimate_tokens(head))}".strip()
    parts = [head]
    left = tokens - estimate_tokens(head) - 20
    for at, group in enumerate(groups):
        share = max(left // min(len(groups) - at, 3), _MIN_CAUSE_TOKENS)
        text = truncate(_cause(group, share, sources), share)
        cost = estimate_tokens(text) + 1
        if cost > left and at:
            break
        parts.append(text)
        left -= cost
    shown = {failure.name for group in groups[: len(parts) - 1] for failure in group}
    rest = [name for name in ran.failures if name not in shown]
    if rest:
        more = max(ran.failed or 0, len(ran.failures)) - len(shown)
        parts.append(truncate(f"and {max(more, len(rest))} more: {_names(rest)}", max(left, 40)))
    return "\n\n".join(parts)


def _headline(ran: TestsRan) -> str:
    if ran.failed and ran.tests:
        return f"{ran.failed} of {ran.tests} tests fail"
    if ran.passed:
        return f"{ran.tests} tests pass" if ran.tests else "the tests pass"
    if ran.failures:
        return f"{len(ran.failures)} tests fail"
    return f"no test is named as failing; the command ended with exit code {ran.exit_code}"


def _groups(details: Iterable[TestFailure]) -> list[list[TestFailure]]:
    """Failures by cause: the same error on the same line."""
    found: dict[tuple[str, object], list[TestFailure]] = {}
    for failure in details:
        first = failure.message.partition("\n")[0]
        location = failure.places[-1] if failure.places else re.sub(r"\[.*", "", failure.name)
        # the values in the message of one assertion differ from case to case
        kind = re.split(r"[:\s(]", first, maxsplit=1)[0]
        found.setdefault((kind, location), []).append(failure)
    return list(found.values())


def _cause(group: list[TestFailure], tokens: int, sources: Sources) -> str:
    first = group[0]
    lines = [f"FAIL {first.name}"]
    if len(group) > 1:
        others = [failure.name for failure in group[1:]]
        lines.append(f"(the same in {len(others)} more: {_names(others)})")
    message = first.message.strip("\n").splitlines()
    lines += message[:_MAX_MESSAGE_LINES]
    if len(message) > _MAX_MESSAGE_LINES:
        lines.append("[...]")
    code = _code(first.places, sources)
    if code:
        return "\n".join([*lines, *code])
    head = "\n".join(lines)
    rest = _tail(first.text, tokens - estimate_tokens(head)) if first.text.strip() != first.message.strip() else ""
    return f"{head}\n{rest}".rstrip()


def _code(locations: Iterable[tuple[str, int]], sources: Sources) -> list[str]:
    """The lines around the first location, which is the test's, and around the deepest ones; each location once."""
    every = list(dict.fromkeys((path, line) for path, line in locations))
    chosen = every if len(every) <= _MAX_LOCATIONS else [every[0], *every[1 - _MAX_LOCATIONS :]]
    lines: list[str] = []
    for path, number in chosen:
        text = sources(path)
        source = text.split("\n") if text is not None else []
        lines.append(f"{path}:{number}")
        if 0 < number <= len(source):
            for at in range(max(number - _CONTEXT_LINES, 1), min(number + _CONTEXT_LINES, len(source)) + 1):
                mark = ">" if at == number else " "
                lines.append(f"{mark}{at:5} {source[at - 1][:200]}".rstrip())
    return lines if any(line[:1] in " >" for line in lines) else []


def _names(names: list[str]) -> str:
    more = f", and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
    return ", ".join(name[:200] for name in names[:_MAX_NAMES]) + more


def _tail(text: str, tokens: int) -> str:
    """The last lines of a text within a bound."""
    taken: list[str] = []
    used = 0
    for line in reversed(text.strip("\n").splitlines()):
        used += estimate_tokens(line)
        if used > tokens:
            taken.append("[...]")
            break
        taken.append(line)
    return "\n".join(reversed(taken))


def _stopped(ran: TestsRan, tokens: int, sources: Sources) -> str:
    """A run that was stopped: the stack that Python printed on being aborted, else the last lines."""
    head = f"the tests did not end within {ran.seconds:.0f} s and were stopped; something loops or waits for ever"
    code = _code(ran.details[0].places if ran.details else [], sources)
    if code:
        return truncate("\n".join([f"{head}; it was here:", *code]), tokens)
    return f"{head}\n{_tail(ran.output, tokens - estimate_tokens(head))}".strip()
