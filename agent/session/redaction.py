"""Events without the secrets that this process knows: before the journal and before whoever watches."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from agent.redaction import knows_secrets, mask, mask_addresses, mask_piece
from agent.session.events import EVENT, Event, SessionStarted
from agent.session.live import LiveEvent, TextReceived

_ADDRESSES = ("base_url", "issue_source", "error", "reason", "message")
"""Fields with an address, or with what an error says: no part of an address that is a secret stays in them."""


def redacted(event: Event) -> Event:
    """A journalled event with the known secrets masked in all of its texts; the same one where there are none."""
    event = _without_secret_addresses(event)
    if not knows_secrets():
        return event
    found = event.model_dump(mode="json")
    masked = _masked(found)
    return event if masked == found else EVENT.validate_python(masked)


def redacted_live(event: LiveEvent) -> LiveEvent:
    """The same for one that only goes by."""
    texts: dict[str, Any] = {
        each.name: (mask_addresses if each.name in _ADDRESSES else mask)(value)
        for each in fields(event)
        if isinstance(value := getattr(event, each.name), str)
    }
    return replace(event, **texts) if texts else event


def _without_secret_addresses(event: Event) -> Event:
    masked: dict[str, Any] = {
        name: shown
        for name in _ADDRESSES
        if isinstance(value := getattr(event, name, None), str) and (shown := mask_addresses(value)) != value
    }
    if isinstance(event, SessionStarted) and isinstance(address := event.settings.get("base_url"), str):
        masked["settings"] = {**event.settings, "base_url": mask_addresses(address)}
    return event.model_copy(update=masked) if masked else event


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
