"""Interrupting work in progress: the first signal cancels it so that it can clean up, the second ends the process."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager
from typing import TypeVar

import anyio
from anyio.abc import TaskStatus

EXIT_CODE = 130
"""The exit code of an interrupted command: 128 + SIGINT, as shells report it."""

T = TypeVar("T")


async def interruptible(
    work: Callable[[], Awaitable[T]], *, on_signal: Callable[[signal.Signals], None] | None = None
) -> T | None:
    """Run `work` until it returns, and cancel it on SIGINT, SIGTERM or SIGHUP.

    Returns what `work` returned, also when it caught its cancellation and returned all the same; None where the
    cancellation ended it. A second signal ends the process at once with exit code 130. `on_signal` is called with the
    first one, before the cancellation. Raises whatever `work` raises.
    """
    results: list[T] = []
    errors: list[Exception] = []
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as group:

            async def watch(task_status: TaskStatus[anyio.CancelScope]) -> None:
                # shielded: the second signal has to arrive while the work is cleaning up
                with anyio.CancelScope(shield=True) as own, _signals() as signals:
                    task_status.started(own)
                    async for number in signals:
                        if scope.cancel_called:
                            os._exit(EXIT_CODE)  # the journals are on disk; nothing else is waited for
                        if on_signal is not None:
                            on_signal(number)
                        scope.cancel()

            watching = await group.start(watch)
            try:
                results.append(await work())
            except Exception as error:  # raised below: the task group would wrap it in an ExceptionGroup
                errors.append(error)
            finally:
                watching.cancel()
    if errors:
        raise errors[0]
    return results[0] if results else None


def _signals() -> AbstractContextManager[AsyncIterator[signal.Signals]]:
    wanted = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as under nohup
        wanted.append(signal.SIGHUP)
    return anyio.open_signal_receiver(*wanted)
