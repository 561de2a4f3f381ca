"""JSON lines: every journalled event as one line, nothing that only goes by."""

from __future__ import annotations

import io

from agent.session.events import EVENT, Event, Result, Warned
from agent.session.live import DownloadAdvanced, TextReceived
from agent.session.session import only_journalled
from agent.ui.json_lines import JsonLines


def test_only_journalled_events_are_written() -> None:
    out = io.StringIO()
    write = only_journalled(JsonLines(out))
    events: list[Event] = [
        Warned(message="line one\nline two \u2028 …"),
        Result(status="no_patch", exit_code=1, session_id="s", patch=""),
    ]
    write(TextReceived("a piece"))
    write(events[0])
    write(DownloadAdvanced(1, 2, "hub"))
    write(events[1])
    assert [EVENT.validate_json(line) for line in out.getvalue().split("\n")[:-1]] == events
