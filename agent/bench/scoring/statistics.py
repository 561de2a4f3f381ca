"""What a run's figures are worth: Wilson's interval, and a paired comparison of two runs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

Z95 = 1.959963984540054


def wilson(solved: int, tasks: int, z: float = Z95) -> tuple[float, float]:
    """The score interval of a share (E. B. Wilson, 1927), by default of 95%; (0, 1) for no tasks."""
    if not tasks:
        return 0.0, 1.0
    share, scale = solved / tasks, 1 + z * z / tasks
    middle = share + z * z / (2 * tasks)
    half = z * math.sqrt(share * (1 - share) / tasks + z * z / (4 * tasks * tasks))
    return max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)


@dataclass(frozen=True)
class Paired:
    """Two runs on the same `tasks`: how many only the first solved, only the second, both.

    `p` is McNemar's exact test, two-sided; `low` and `high` bound the difference of the shares (second − first) with
    95%, by Wald's interval after half a task is added to each cell (Agresti and Min, 2005).
    """

    tasks: int
    both: int
    only_first: int
    only_second: int

    @property
    def p(self) -> float:
        """How probable so uneven a split, or a more uneven one, is when neither is better."""
        differing = self.only_first + self.only_second
        fewer = min(self.only_first, self.only_second)
        tail = sum(math.comb(differing, k) for k in range(fewer + 1))
        return min(1.0, float(Fraction(2 * tail, 1 << differing)))

    @property
    def difference(self) -> float:
        """Share solved by the second less that of the first."""
        return (self.only_second - self.only_first) / self.tasks if self.tasks else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """The bounds of the difference."""
        tasks, first, second = self.tasks + 2, self.only_first + 0.5, self.only_second + 0.5
        middle = (second - first) / tasks
        half = Z95 * math.sqrt(max(0.0, first + second - (second - first) ** 2 / tasks)) / tasks
        return max(-1.0, middle - half), min(1.0, middle + half)


def paired(first: dict[str, bool], second: dict[str, bool]) -> Paired:
    """Compare what two runs solved, by task, on the tasks both have."""
    common = first.keys() & second.keys()
    return Paired(
        len(common),
        sum(first[each] and second[each] for each in common),
        sum(first[each] and not second[each] for each in common),
        sum(second[each] and not first[each] for each in common),
    )
