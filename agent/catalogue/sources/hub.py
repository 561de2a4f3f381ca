"""A file from the model hub, by plain HTTP, resumed where it broke."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import httpx2
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_fixed

from agent.catalogue.sources import Unobtainable

if TYPE_CHECKING:
    from agent.catalogue.profiles import GgufFile

__all__ = ["fetch"]

HUB = "https://huggingface.co"
REACH_SECONDS = 10.0
"""The hub counts as out of reach when no answer has begun by then, redirects and all."""
RETRIES = 5
"""Requests in a row that a broken download is resumed by without a further byte, before it is given up."""
RETRY_SECONDS = 1.0
"""The pause before each of them."""

_REPORT_BYTES = 1 << 20

Report = Callable[[int], None]


async def fetch(file: GgufFile, out: Path, report: Report) -> None:
    """Completes `out`; `report` gets the bytes there so far. HF_ENDPOINT names another hub.

    Raises `Unobtainable` and keeps what came. The caller holds the lock and checks the digest.
    """
    url = f"{os.environ.get('HF_ENDPOINT', '').rstrip('/') or HUB}/{file.repo}/resolve/main/{file.file}"
    idle = httpx2.Timeout(30.0, connect=REACH_SECONDS)
    # The client takes certificates from the system, or from SSL_CERT_FILE and SSL_CERT_DIR.
    async with httpx2.AsyncClient(follow_redirects=True, timeout=idle) as client:
        retries = 0  # a hub that has given nothing yet is not asked twice: the other source is waiting
        while _size(out) < file.bytes:
            resuming = AsyncRetrying(
                retry=retry_if_exception_type(Unobtainable),
                stop=stop_after_attempt(1 + retries),
                wait=wait_fixed(RETRY_SECONDS),
                sleep=anyio.sleep,
                reraise=True,
            )
            await resuming(_append, client, url, out, file.bytes, report)
            retries = RETRIES


async def _append(client: httpx2.AsyncClient, url: str, out: Path, size: int, report: Report) -> None:
    """One request: appends to `out` what comes until it ends or breaks. Raises `Unobtainable` when nothing came."""
    before, reason = _size(out), "it stopped before the end"
    try:
        await _stream(client, url, out, size, report)
    except (httpx2.HTTPError, Unobtainable) as failure:
        reason = str(failure) or type(failure).__name__
    if _size(out) <= before:
        raise Unobtainable(reason)


async def _stream(client: httpx2.AsyncClient, url: str, out: Path, size: int, report: Report) -> None:
    """One request, its body appended to `out`. Raises `Unobtainable`, or httpx's errors when the connection breaks."""
    have = _size(out)
    # Compressed bytes could not be counted or resumed.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    response = None
    with anyio.move_on_after(REACH_SECONDS):
        response = await client.send(client.build_request("GET", url, headers=headers), stream=True)
    if response is None:
        raise Unobtainable(f"no answer within {REACH_SECONDS:.0f} s")
    try:
        if response.status_code not in (200, 206):
            raise Unobtainable(f"it answers {response.status_code}")
        if response.status_code == 200:
            have = 0
        total = have + int(response.headers.get("Content-Length", size - have))
        if total != size:
            raise Unobtainable(f"its file has {total} bytes where {size} are expected")
        with out.open("ab" if have else "wb") as sink:
            report(have)
            reported = have
            # Written as they come: collecting them into larger blocks would lose some when it breaks.
            async for chunk in response.aiter_raw():
                sink.write(chunk)
                have += len(chunk)
                if have - reported >= _REPORT_BYTES or have == size:
                    reported = have
                    report(have)
    finally:
        with anyio.CancelScope(shield=True):
            await response.aclose()


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
