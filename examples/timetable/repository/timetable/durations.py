"""Durations as people write them: "90m", "1h30m", "2 days"."""

import re

UNITS = {
    "s": 1,
    "sec": 1,
    "second": 1,
    "m": 60,
    "min": 60,
    "minute": 60,
    "h": 3600,
    "hour": 3600,
    "d": 86400,
    "day": 86400,
}

_PART = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)")


def parse_duration(text):
    """Return the seconds in a duration such as "1h30m"; raise ValueError for anything else."""
    cleaned = text.strip().lower()
    total = 0.0
    position = 0
    for match in _PART.finditer(cleaned):
        if cleaned[position : match.start()].strip():
            raise ValueError(f"cannot read {text!r}")
        unit = match[2]
        if unit not in UNITS:
            unit = unit.rstrip("s")
        if unit not in UNITS:
            raise ValueError(f"unknown unit {match[2]!r}")
        total += float(match[1]) * UNITS[unit]
        position = match.end()
    if position == 0 or cleaned[position:].strip():
        raise ValueError(f"cannot read {text!r}")
    return int(total)


def format_duration(seconds):
    """Return seconds in the shortest form, such as "1h30m"; zero is "0s"."""
    if seconds == 0:
        return "0s"
    parts = []
    for name, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{name}")
    return "".join(parts)
