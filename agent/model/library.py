"""The import of the client library in a thread: it takes about half a second of processor time."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from agent.model.chat_completions import ChatCompletions


def start_import() -> None:
    """Begin the import in a thread, beside whatever else a session has to get ready before its first request."""
    threading.Thread(target=_import_quietly, name="import-client-library", daemon=True).start()


async def import_chat_completions() -> type[ChatCompletions]:
    """The client's class, once it is imported. Raises `ImportError` where the library is broken."""
    return await anyio.to_thread.run_sync(_import)


def _import() -> type[ChatCompletions]:
    from agent.model.chat_completions import ChatCompletions

    return ChatCompletions


def _import_quietly() -> None:
    with suppress(ImportError):  # who needs it imports it again, and reports that
        _import()
