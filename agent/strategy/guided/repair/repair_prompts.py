"""What a search asks about the regions it suspects, in which words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from agent.code.docstrings import shortened
from agent.code.regions import Region
from agent.session.events import TestsRan
from agent.strategy.guided.localise.suspects import failing_test, failure_places
from agent.strategy.guided.prompts import about_region, failure_text, message
from agent.strategy.guided.repair.line_ranges import LONG_FUNCTION, LineRange
from agent.strategy.guided.schedule import View
from agent.strategy.guided.state import GuidedState, Messages
from prompts import render


@dataclass(frozen=True)
class RepairPrompts:
    """Questions about code with the texts `sources` and how it fails; those about one region begin with the same."""

    guided: GuidedState
    sources: Mapping[str, str]
    failure: TestsRan | None

    def repair(self, view: View, region: Region, lines: LineRange | None) -> Messages:
        """The messages that ask for a region, or for a range of its lines."""
        name, diagnose = region.short_name, view == "diagnose"
        if lines:
            return self._about(region, render("guided_lines", name=name, block=lines.source, diagnose=diagnose))
        return self._about(region, render("guided_diagnose" if diagnose else "guided_repair", name=name))

    def wrong_line(self, region: Region) -> Messages:
        """The messages that ask which line of a region is wrong."""
        return self._about(region, render("guided_line", name=region.short_name))

    def again(self, opening: Messages, reply: str, region: Region, lines: LineRange | None, ran: TestsRan) -> Messages:
        """A question again, with the last answer and how it failed; the opening stays, so it is not read again."""
        failure = failure_text(self.guided, ran, self.guided.model.budget.prompt // 8)
        name, in_lines = region.short_name, lines is not None
        shown = render("guided_failed", command=ran.command, failure=failure, name=name, lines=in_lines)
        return [*opening, {"role": "assistant", "content": reply}, message(shown)]

    def failed_lines(self, region: Region) -> list[int]:
        """The lines of a region that the failure went through, the deepest first."""
        places = failure_places(self.failure, self.guided.workspace.root) if self.failure else []
        return [line for path, line in places if path == region.path and region.start <= line <= region.end][::-1]

    def _about(self, region: Region, wanted: str) -> Messages:
        shown = replace(region, source=brief(region))
        source = self.sources[region.path].replace(region.source, shown.source, 1)
        tested = failing_test(self.sources, self.failure, self.guided.workspace.root) if self.failure else ""
        test = self.guided.required.script or tested
        return about_region(self.guided, shown, wanted, source=source, failure=self.failure, test=test)


def brief(region: Region) -> str:
    """What is shown of a region to be rewritten."""
    return shortened(region.source) if region.path.endswith(".py") and region.name else region.source


def is_long(region: Region) -> bool:
    """Whether a region is a function that is better asked for in parts."""
    return bool(region.name) and brief(region).count("\n") >= LONG_FUNCTION
