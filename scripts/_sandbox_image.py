"""Builds the sandbox's base image where the Docker engine does not have it; exits with the reason where it can't."""

from __future__ import annotations

import sys

import anyio
import docker

from agent.errors import SandboxUnavailable
from sandbox.images import ensure_image

try:
    anyio.run(ensure_image, docker.from_env(), None, lambda line: print(line, file=sys.stderr))
except SandboxUnavailable as error:
    sys.exit(str(error))
