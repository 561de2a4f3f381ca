"""Where the user's files lie: settings, sessions, models. By the XDG rules on every system, or by `$SWE_AGENT_HOME`."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs.unix import Unix

# `Unix` by name: `platformdirs.PlatformDirs` puts the files of macOS elsewhere, and the paths are public interface.
_XDG = Unix("swe-agent", appauthor=False)


def home() -> Path:
    """Where sessions and what is remembered of models lie: `$SWE_AGENT_HOME`, else `swe-agent` in XDG's data directory.

    It need not exist.
    """
    given = os.environ.get("SWE_AGENT_HOME")
    return Path(given).expanduser().absolute() if given else _XDG.user_data_path


def user_file() -> Path:
    """The user's settings: `swe-agent/config.toml` in XDG's configuration directory. It need not exist."""
    return _XDG.user_config_path / "config.toml"


def models_directory() -> Path:
    """Where model files lie: `swe-agent/models` in XDG's cache directory. It need not exist."""
    return _XDG.user_cache_path / "models"
