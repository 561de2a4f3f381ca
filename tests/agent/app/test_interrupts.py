"""One interruption for every command: the first signal cancels the work, the second ends the process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import anyio
import pytest

from agent.app.interrupts import interruptible
from agent.errors import SandboxError


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_cancels_the_work(number: signal.Signals) -> None:
    received: list[signal.Signals] = []

    async def work() -> str:
        os.kill(os.getpid(), number)
        await anyio.sleep_forever()
        return "never"

    async def run() -> str | None:
        return await interruptible(work, on_signal=received.append)

    assert anyio.run(run) is None
    assert received == [number]


def test_work_that_ends_in_good_order_has_its_result() -> None:
    async def work() -> str:
        os.kill(os.getpid(), signal.SIGTERM)
        try:
            await anyio.sleep_forever()
        except anyio.get_cancelled_exc_class():
            return "cleaned up"
        return "never"

    assert anyio.run(interruptible, work) == "cleaned up"


def test_without_a_signal_the_result_is_returned_and_the_handlers_are_restored() -> None:
    async def work() -> int:
        return 7

    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    assert anyio.run(interruptible, work) == 7
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before


@pytest.mark.parametrize("error", [SandboxError("lost"), ValueError("a bug")])
def test_an_error_is_raised_as_it_is(error: Exception) -> None:
    async def work() -> None:
        raise error

    with pytest.raises(type(error)) as raised:
        anyio.run(interruptible, work)
    assert raised.value is error


def test_sighup_that_is_ignored_stays_ignored() -> None:
    """As under nohup."""

    async def work() -> str:
        os.kill(os.getpid(), signal.SIGHUP)
        await anyio.wait_all_tasks_blocked()
        return "finished"

    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert anyio.run(interruptible, work) == "finished"
    finally:
        signal.signal(signal.SIGHUP, before)


STUBBORN = """
import os, signal, anyio
from agent.app.interrupts import interruptible

async def work():
    with anyio.CancelScope(shield=True):
        os.kill(os.getpid(), signal.SIGTERM)
        print("cleaning up", flush=True)
        await anyio.sleep_forever()

anyio.run(interruptible, work)
"""


def test_a_second_signal_ends_the_process_at_once() -> None:
    with subprocess.Popen([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "cleaning up\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
