"""Pieces of configuration files as JSON, TOML and YAML, and shell commands; each is valid by itself."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from typing import Any

__all__ = ["Snippet", "as_json", "as_toml", "as_yaml", "commands"]


@dataclass(frozen=True)
class Snippet:
    """A piece of a file, or commands. `title` says which file, or what for; `language` is toml, json, yaml or sh."""

    title: str
    language: str
    text: str


def commands(exports: dict[str, str], command: str, about: str = "") -> Snippet:
    """A command for a POSIX shell, after the environment variables that it needs."""
    text = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in exports.items())
    return Snippet("then run" + (f" ({about})" if about else ""), "sh", f"{text}{command}\n")


def as_json(value: Any) -> str:
    """JSON of any value, indented."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def as_toml(values: dict[str, Any]) -> str:
    """TOML of a flat table: strings and numbers are written as in JSON."""
    return "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in values.items())


def as_yaml(value: Any, depth: int = 0) -> str:
    """Block-style YAML of mappings and lists of mappings; other values are written as in JSON, which is YAML too."""
    pad = "  " * depth
    if isinstance(value, list):
        items = (as_yaml(item, depth + 1) for item in value)
        return "".join(f"{pad}- {item[len(pad) + 2 :]}" for item in items)
    out = ""
    for key, each in value.items():
        nested = isinstance(each, dict) or (isinstance(each, list) and isinstance(each[0], dict))
        out += f"{pad}{_key(key)}:"
        out += f"\n{as_yaml(each, depth + 1)}" if nested else f" {json.dumps(each, ensure_ascii=False)}\n"
    return out


def _key(key: str) -> str:
    return key if key.isidentifier() else json.dumps(key, ensure_ascii=False)
