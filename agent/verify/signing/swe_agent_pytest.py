"""A pytest plugin that signs the JUnit report when the session has ended. It runs in the sandbox, by any Python 3.

The key lies beside it and is removed as soon as it was read, which is before any code of the repository is imported.
Only the process that read the key signs: not the workers of pytest-xdist, nor a second run of the same command.
"""

import hashlib
import hmac
import os
from typing import Any

_FOLDER = os.path.dirname(os.path.abspath(__file__))


def _take_key() -> str:
    path = os.path.join(_FOLDER, "key")
    try:
        with open(path) as file:
            key = file.read().strip()
        os.unlink(path)
    except OSError:
        return ""
    return key


def _clean_environment() -> None:
    """Take back what was set for this process alone: a pytest that the tests start must not load this, or report."""
    options = os.environ.get("PYTEST_ADDOPTS", "").partition(" -p swe_agent_pytest")[0]
    folders = os.environ.get("PYTHONPATH", "")
    rest = folders.partition(_FOLDER)[2].lstrip(os.pathsep) if folders.startswith(_FOLDER) else folders
    for name, value in (("PYTEST_ADDOPTS", options.strip()), ("PYTHONPATH", rest)):
        if value:
            os.environ[name] = value
        else:
            os.environ.pop(name, None)


class _Signer:
    def __init__(self, key: str) -> None:
        self.key = key
        self._status = ""

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        self._status = str(int(exitstatus))

    def pytest_unconfigure(self) -> None:
        try:
            with open(os.path.join(_FOLDER, "report.xml"), "rb") as file:
                report = file.read()
        except OSError:
            return
        signed = hmac.new(self.key.encode(), self._status.encode() + b"\n" + report, hashlib.sha256).hexdigest()
        with open(os.path.join(_FOLDER, "signature"), "w") as file:
            file.write(self._status + " " + signed)


_signer = _Signer(_take_key())
_clean_environment()


def pytest_configure(config: Any) -> None:
    """Sign at the end, where the key was here."""
    if _signer.key:
        config.pluginmanager.register(_signer)
