"""The environment variables that make clients in a sandbox use a proxy and the host's trusted certificates."""

from __future__ import annotations

import os
from pathlib import Path

_PROXY_VARIABLES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
_CERTIFICATE_VARIABLES = ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "CURL_CA_BUNDLE")
_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
_LOOPBACK = "localhost,127.0.0.1,::1"


def proxy_environment() -> dict[str, str]:
    """The host's proxy variables, for a sandbox whose network is open."""
    return {name: os.environ[name] for name in _PROXY_VARIABLES if name in os.environ}


def filtering_proxy_environment(port: int) -> dict[str, str]:
    """Variables that lead clients to the filtering proxy at a port of the sandbox's loopback.

    Node reads them only where it is told to.
    """
    names = ("http_proxy", "https_proxy", "all_proxy")
    proxies = {spelled: f"http://127.0.0.1:{port}" for name in names for spelled in (name, name.upper())}
    return {**proxies, "no_proxy": _LOOPBACK, "NO_PROXY": _LOOPBACK, "NODE_USE_ENV_PROXY": "1"}


def certificate_environment() -> dict[str, str]:
    """Variables that point the usual clients at the host's certificates, which may include those of its proxy.

    Empty where the host has no such file.
    """
    return dict.fromkeys(_CERTIFICATE_VARIABLES, _CERTIFICATES) if Path(_CERTIFICATES).exists() else {}
