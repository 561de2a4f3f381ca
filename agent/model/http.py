"""HTTP to a model server: the one connection settings for everything here, and small requests with JSON answers."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import httpx2

CONNECT_SECONDS = 5.0
IDLE_SECONDS = 900.0
"""The read timeout: a long prompt on a slow machine takes minutes to its first byte. A whole reply has no limit."""
PROBE_SECONDS = 10.0
"""The timeout of a small request."""


def is_loopback(url: str) -> bool:
    """Whether a URL's host is this machine, by name or address; without a DNS request."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def open_http(base_url: str, api_key: str = "", *, read_seconds: float = IDLE_SECONDS) -> httpx2.AsyncClient:
    """A client for the server at `base_url`.

    A server on this machine is reached directly, whatever proxy the environment names. Each request has a connection of
    its own. `read_seconds` is the read timeout.
    """
    import httpx2

    return httpx2.AsyncClient(
        headers={"Authorization": f"Bearer {api_key}"} if api_key else {},
        timeout=httpx2.Timeout(connect=CONNECT_SECONDS, read=read_seconds, write=120.0, pool=60.0),
        # llama.cpp closes a connection after each stream, whatever its headers say: the next request would meet that.
        limits=httpx2.Limits(max_keepalive_connections=0),
        follow_redirects=False,
        trust_env=not is_loopback(base_url),
    )


async def ask_json(
    http: httpx2.AsyncClient, method: str, url: str, body: Any = None, *, seconds: float = PROBE_SECONDS
) -> dict[str, Any] | None:
    """The JSON object that answers a request, or None for anything else: a server may not have the endpoint."""
    import httpx2

    try:
        answer = await http.request(method, url, json=body, timeout=seconds)
        found = answer.json() if answer.status_code == 200 else None
    except (httpx2.HTTPError, ValueError):
        return None
    return found if isinstance(found, dict) else None
