"""Events without the secrets that this process knows: before the journal and before whoever watches."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from agent.redaction import knows_secrets, mask, mask_piece
from agent.session.events import EVENT, Event
from agent.session.live import LiveEvent, TextReceived


def redacted(event: Event) -> Event:
    """A journalled event with the known secrets masked in all of its texts; the same one where there are none."""
    if not knows_secrets():
        return event
    found = event.model_dump(mode="json")
    masked = _masked(found)
    return event if masked == found else EVENT.validate_python(masked)


def redacted_live(event: LiveEvent) -> LiveEvent:
    """The same for one that only goes by."""
    texts: dict[str, Any] = {
        each.name: mask(value) for each in fields(event) if isinstance(value := getattr(event, each.name), str)
    }
    return replace(event, **texts) if texts else event


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, dict):
        return {mask(str(key)): _masked(each) for key, each in value.items()}
    return [_masked(each) for each in value] if isinstance(value, list) else value


class TextRedaction:
    """The pieces of a streamed text, masked: a secret may begin in one and end in another."""

    def __init__(self) -> None:
        self._held = ""

    def add(self, event: TextReceived) -> list[TextReceived]:
        """What of the text can be told by now."""
        told, self._held = mask_piece(self._held + event.text)
        return [TextReceived(told)] if told else []

    def end(self) -> list[TextReceived]:
        """What is left of it."""
        held, self._held = self._held, ""
        return [TextReceived(held)] if held else []
