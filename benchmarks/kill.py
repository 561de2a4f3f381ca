"""The kill test: a session killed with SIGKILL at every event boundary and at random moments, resumed each time.

Run it with `python benchmarks/kill.py`. A scripted model works through 40 steps of edits, commands and reads in a real
sandbox. After each kill the session is resumed to its end, and must come to the patch of a session that was left alone,
with every event that was in the journal still there as it was, no call run twice and none without an observation.
`--every 4` takes every fourth boundary, `--moments 20` fewer random moments; the exit code is 1 where one did not hold.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))
sys.path.insert(0, str(ROOT))

from killing import Place, Steps, check, repository, result_of  # type: ignore[import-not-found]  # noqa: E402

from agent.session.journal import load  # noqa: E402

ISSUE = "# add gives wrong sums\n\n`add(2, 3)` gives -1 instead of 5.\n"


def main() -> int:
    """Run it and print what held; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--every", type=int, default=1, help="take every so manieth event boundary")
    parser.add_argument("--moments", type=int, default=200, help="random moments")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="sessions side by side")
    parser.add_argument("--sandbox", default="bubblewrap", choices=["bubblewrap", "docker", "local"])
    given = parser.parse_args()
    model = Steps(given.steps)
    with tempfile.TemporaryDirectory(prefix="swe-agent-kill-") as scratch:
        root = Path(scratch)
        (root / "issue.md").write_text(ISSUE, encoding="utf-8")
        source = repository(root / "repository", given.steps)
        place = Place(root / "whole", source, root / "issue.md", model.base_url, given.sandbox)
        try:
            return _run(place, given)
        finally:
            model.close()


def _run(place: Place, given: argparse.Namespace) -> int:
    started = time.monotonic()
    done = place.fix()
    seconds = time.monotonic() - started
    if done.returncode:
        print(f"the session that was left alone failed: {done.stderr[-600:]}")
        return 1
    events, _ = load(place.journal)
    patch = result_of(events).patch
    print(f"left alone: {len(events)} events, {seconds:.1f} s, a patch of {len(patch)} characters", flush=True)
    moments = random.Random(given.seed)
    kills: list[tuple[str, str, Callable[[Place], object]]] = [
        (
            "event boundaries",
            f"event {number} ({events[number - 1].kind})",
            lambda at, number=number: at.fix_until(number),
        )
        for number in range(1, len(events) + 1, given.every)
    ]
    for _ in range(given.moments):
        after = moments.uniform(0.1, seconds)
        kills.append(("random moments", f"{after:.3f} s", lambda at, after=after: at.fix_for(after)))

    def one(number: int) -> bool:
        _, name, kill = kills[number]
        at = replace(place, home=place.home.with_name(f"killed-{number}"))
        wrong = check(at, patch, kill=lambda: kill(at))
        if wrong:
            print(f"killed after {name}: {wrong}", flush=True)
        else:
            shutil.rmtree(at.home, ignore_errors=True)
        return not wrong

    with ThreadPoolExecutor(given.workers) as pool:
        well = list(pool.map(one, range(len(kills))))
    tried = Counter(kind for kind, _, _ in kills)
    held = Counter(kind for (kind, _, _), good in zip(kills, well, strict=True) if good)
    for kind in tried:
        print(f"{kind}: {held[kind]} of {tried[kind]} ended as the one that was left alone")
    print(f"{time.monotonic() - started:.0f} s in all")
    return 0 if held == tried else 1


if __name__ == "__main__":
    raise SystemExit(main())
