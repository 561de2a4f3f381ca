"""The environment variables that make clients in a sandbox use the host's proxy and trusted certificates."""

from __future__ import annotations

import os
from pathlib import Path

_PROXY_VARIABLES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
_CERTIFICATE_VARIABLES = ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "CURL_CA_BUNDLE")
_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"


def proxy_environment() -> dict[str, str]:
    """The host's proxy variables, for a sandbox whose network is open."""
    return {name: os.environ[name] for name in _PROXY_VARIABLES if name in os.environ}


def certificate_environment() -> dict[str, str]:
    """Variables that point the usual clients at the host's certificates, which may include those of its proxy.

    Empty where the host has no such file.
    """
    return dict.fromkeys(_CERTIFICATE_VARIABLES, _CERTIFICATES) if Path(_CERTIFICATES).exists() else {}
