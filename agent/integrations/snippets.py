"""Pieces of configuration files in the tools' own formats: what is written is valid in each."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from typing import Any

__all__ = ["Snippet", "as_json", "as_toml", "as_yaml", "commands"]


@dataclass(frozen=True)
class Snippet:
    """A piece of a file, or commands: `place` says which or what for, `language` is toml, json, yaml or sh."""

    place: str
    language: str
    text: str


def commands(exports: dict[str, str], command: str, about: str = "") -> Snippet:
    """A command for a POSIX shell, after the variables it needs."""
    text = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in exports.items())
    return Snippet("then run" + (f" ({about})" if about else ""), "sh", f"{text}{command}\n")


def as_json(value: Any) -> str:
    """Any value, indented."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def as_toml(values: dict[str, Any]) -> str:
    """Keys with strings and numbers, of which JSON's form is TOML's too."""
    return "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in values.items())


def as_yaml(value: Any, depth: int = 0) -> str:
    """Mappings, lists of mappings, and in them what JSON and YAML write alike."""
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
