"""The client library is imported in a thread, where a backend is opened."""

from __future__ import annotations

import subprocess
import sys

from doubles import GenericDouble

IMPORTING = """
import sys, threading
from pathlib import Path
import anyio
from agent.backend import open_backend
from agent.config import Settings
from agent.model.types import Request

class Watch:
    def find_spec(self, name, path, target=None):
        if name == "openai":
            print(threading.current_thread() is threading.main_thread())

sys.meta_path.insert(0, Watch())

async def body():
    settings = Settings(base_url=sys.argv[1])
    async with open_backend(settings, log_path=Path("unused.log")) as backend:
        print((await backend.client.complete(Request([{"role": "user", "content": "hi"}], 10))).content)

anyio.run(body)
"""


def test_the_client_library_is_imported_once_and_not_by_the_thread_that_others_wait_for() -> None:
    with GenericDouble("hello") as double:
        done = subprocess.run(
            [sys.executable, "-c", IMPORTING, double.base_url], capture_output=True, text=True, check=True
        )
    assert done.stdout.split() == ["False", "hello"]
