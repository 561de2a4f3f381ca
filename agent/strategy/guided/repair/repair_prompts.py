"""What a search asks about the regions it suspects, in which words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from agent.code.regions import Region
from agent.model.schemas import object_of
from agent.model.types import Reply, Request, Sampling
from agent.session.events import TestsRan
from agent.strategy.guided.localise.suspects import failing_test, places
from agent.strategy.guided.prompts import ask_about, ask_about_all, question, shown_failure
from agent.strategy.guided.repair.docstrings import shortened
from agent.strategy.guided.repair.line_ranges import LONG, Block
from agent.strategy.guided.schedule import View
from agent.strategy.guided.state import GuidedState
from prompts import render

_LINE_TOKENS = 200


@dataclass(frozen=True)
class Asking:
    """Questions about code with the texts `sources` and how it fails; those about one region begin with the same."""

    guided: GuidedState
    sources: Mapping[str, str]
    failure: TestsRan | None

    def to_repair(self, view: View, regions: Sequence[Region], block: Block | None) -> list[dict[str, Any]]:
        """The messages that ask for a region, for a block of one, or for any of several."""
        if view == "together":
            return ask_about_all(self.guided, self.sources, regions, failure=self.failure, test=self._test())
        name, diagnose = regions[0].short_name, view == "diagnose"
        if block:
            return self._about(regions[0], render("guided_lines", name=name, block=block.source, diagnose=diagnose))
        return self._about(regions[0], render("guided_diagnose" if diagnose else "guided_repair", name=name))

    def for_a_line(self, region: Region, lines: Sequence[str], sampling: Sampling) -> Request:
        """The request that asks which of some lines of a region is wrong, held to an object with this `line`."""
        schema = object_of(line={"enum": list(lines)})
        return Request(
            messages=self._about(region, render("guided_line", name=region.short_name)),
            max_tokens=self.guided.model.reply_tokens(_LINE_TOKENS),
            json_schema=schema,
            sampling=sampling,
        )

    def again(
        self, opening: list[dict[str, Any]], reply: Reply, region: Region, block: Block | None, ran: TestsRan
    ) -> list[dict[str, Any]]:
        """A question again, with the last answer and how it failed; the opening stays, so it is not read again."""
        failure = shown_failure(self.guided, ran, self.guided.model.budget.prompt // 8)
        name = region.short_name
        shown = render("guided_failed", command=ran.command, failure=failure, name=name, lines=block is not None)
        return [*opening, {"role": "assistant", "content": reply.content}, question(shown)]

    def went_through(self, region: Region) -> list[int]:
        """The lines of a region that the failure went through, the deepest first."""
        named = places(self.failure, self._root) if self.failure else []
        return [line for path, line in named if path == region.path and region.start <= line <= region.end][::-1]

    def _about(self, region: Region, wanted: str) -> list[dict[str, Any]]:
        source = self.sources[region.path].replace(region.source, brief(region), 1)
        shown = replace(region, source=brief(region))
        return ask_about(self.guided, shown, wanted, source=source, failure=self.failure, test=self._test())

    def _test(self) -> str:
        """The source of what must pass, where it is known."""
        tested = failing_test(self.sources, self.failure, self._root) if self.failure else ""
        return self.guided.script or tested

    @property
    def _root(self) -> str:
        return self.guided.workspace.root


def brief(region: Region) -> str:
    """What is shown of a region to be rewritten."""
    return shortened(region.source) if region.path.endswith(".py") and region.name else region.source


def is_long(region: Region) -> bool:
    """Whether a region is a function that is better asked for in parts."""
    return bool(region.name) and brief(region).count("\n") >= LONG
