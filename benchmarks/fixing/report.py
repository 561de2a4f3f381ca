"""What runs left, as a table: per run and per task, in text or Markdown. `python -m benchmarks.fixing.report DIR…`."""

from __future__ import annotations

import argparse
import json
import math
import statistics
from pathlib import Path
from typing import Any

_HEAD = ["run", "solved", "of", "%", "95% interval", "generated", "prompt", "median s", "sum s", "tokens/s"]


def wilson(solved: int, of: int) -> tuple[float, float]:
    """The 95% interval of a share, as fractions; of nothing, all is possible."""
    if not of:
        return 0.0, 1.0
    z, share = 1.959964, solved / of
    centre = share + z * z / (2 * of)
    spread = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return max(0.0, (centre - spread) / (1 + z * z / of)), min(1.0, (centre + spread) / (1 + z * z / of))


def records(run: Path) -> list[dict[str, Any]]:
    """The records of a run, in the order they were made."""
    files = [file for file in run.glob("*.json") if file.name != "settings.json"]
    return [
        json.loads(file.read_text(encoding="utf-8")) for file in sorted(files, key=lambda file: file.stat().st_mtime)
    ]


def text_of(runs: list[Path], *, markdown: bool = False) -> str:
    """The two tables."""
    kept = {run.name: records(run) for run in runs}
    rows = [_summary(name, found) for name, found in kept.items()]
    parts = [_table(_HEAD, rows, markdown=markdown)]
    names = list(dict.fromkeys(record["name"] for found in kept.values() for record in found))
    by_name = {run: {record["name"]: record for record in found} for run, found in kept.items()}
    each = [[name, *(_cell(by_name[run].get(name)) for run in kept)] for name in names]
    parts.append(_table(["task", *kept], each, markdown=markdown))
    return "\n\n".join(parts)


def _summary(name: str, found: list[dict[str, Any]]) -> list[str]:
    solved, of = sum(bool(record["solved"]) for record in found), len(found)
    low, high = wilson(solved, of)
    seconds = [float(record["seconds"]) for record in found]
    speeds = [float(record["tokens_per_second"]) for record in found if record["tokens_per_second"]]
    generated, prompt = (sum(record[key] for record in found) for key in ("generated", "prompt"))
    return [
        name, str(solved), str(of), f"{100 * solved / of:.0f}" if of else "–", f"{100 * low:.0f}–{100 * high:.0f}%",
        f"{generated:,}", f"{prompt:,}", f"{statistics.median(seconds):.0f}" if of else "–", f"{sum(seconds):,.0f}",
        f"{min(speeds):.1f}–{max(speeds):.1f}" if speeds else "–",
    ]  # fmt: skip


def _cell(record: dict[str, Any] | None) -> str:
    if record is None:
        return "–"
    verdict = "solved" if record["solved"] else "no"
    return f"{verdict} {record['generated']} t {record['seconds']:.0f} s"


def _table(head: list[str], rows: list[list[str]], *, markdown: bool) -> str:
    if markdown:
        lines = [head, ["---"] * len(head), *rows]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)
    widths = [max(len(line[column]) for line in [head, *rows]) for column in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in [head, *rows]
    )


def main() -> None:
    """Print the tables of the directories named; of a directory of runs, all of them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition(".")[0])
    parser.add_argument("runs", type=Path, nargs="+", metavar="DIR")
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args()
    runs = []
    for place in options.runs:
        runs += (
            [place]
            if (place / "settings.json").exists()
            else sorted(each.parent for each in place.glob("*/settings.json"))
        )
    print(text_of(runs, markdown=options.markdown))


if __name__ == "__main__":
    main()
