"""Model profiles: a model's names, sampling, strategy, tool calling, memory use and files.

The data is beside this module, one TOML file for each family, from the makers' published configurations and model
cards. The context window of a *server* is measured, never taken from here.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib import resources
from pathlib import PurePosixPath
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, model_validator

from agent.catalogue.architecture import Architecture
from agent.catalogue.modes import ToolCallMode

__all__ = [
    "DEFAULT_MODEL",
    "GENERIC",
    "Architecture",
    "DialectName",
    "GgufFile",
    "Packages",
    "Profile",
    "Sampling",
    "Yarn",
    "find_profile",
    "load_catalogue",
]

DEFAULT_MODEL = "qwen2.5-coder-1.5b"
GENERIC = "generic"

DialectName = Literal["json", "hermes", "qwen3-coder", "mistral", "llama3", "deepseek", "glm", "gpt-oss"]
"""The format in which a model writes a tool call into its text."""

_FIRST_PART = re.compile(r"-00001-of-(\d{5})\.gguf$")


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Sampling(_Data):
    """Sampling parameters, sent with every request since servers' defaults differ."""

    temperature: float = Field(ge=0)
    top_p: float = Field(gt=0, le=1)
    top_k: int = Field(ge=0)
    """0 turns it off."""
    min_p: float = Field(ge=0, le=1)
    repeat_penalty: float | None = None


class Packages(_Data):
    """Packages on the Python package index that hold a file in parts: `{prefix}1` … `{prefix}{parts}`."""

    prefix: str
    parts: PositiveInt
    version: str


class Yarn(_Data):
    """The extension of the window by YaRN that the model's maker documents, to `factor` times `original` tokens."""

    factor: float = Field(gt=1)
    original: PositiveInt


class GgufFile(_Data):
    """A file for llama.cpp, or several that are the parts of one model."""

    repo: str
    """Owner and name on the model hub."""
    file: str
    """Path inside that repository; of a split model, the first part's (NAME-00001-of-0000N.gguf)."""
    bytes: PositiveInt
    """Size of all parts together."""
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    packages: Packages | None = None

    @model_validator(mode="after")
    def _a_digest_is_of_one_file(self) -> GgufFile:
        if self.sha256 and len(self.parts) > 1:
            raise ValueError(f"{self.file}: several files have no one digest")
        return self

    @property
    def name(self) -> str:
        """The (first) file's name on disk."""
        return PurePosixPath(self.file).name

    @property
    def parts(self) -> tuple[str, ...]:
        """The paths of all files inside the repository, in order."""
        if not (found := _FIRST_PART.search(self.file)):
            return (self.file,)
        stem, count = self.file[: found.start()], int(found[1])
        return tuple(f"{stem}-{part:05}-of-{count:05}.gguf" for part in range(1, count + 1))


class Profile(_Data):
    """One model."""

    name: str
    aliases: tuple[str, ...] = ()
    ollama: str | None = None
    """The model's name at Ollama."""
    window: PositiveInt | None = None
    """The context window that the model was trained for, in tokens; None for the generic profile."""
    strategy: Literal["agent", "guided"]
    """Who decides the next action by default: the model, or the program."""
    tool_calling: ToolCallMode
    """The mode that sessions begin in, unless another one is remembered for the server."""
    dialect: DialectName = "hermes"
    """The format of its tool calls in text, for servers that don't parse them."""
    one_call: bool = False
    """Whether its chat template has at most one call in a turn."""
    sampling: Sampling
    yarn: Yarn | None = None
    architecture: Architecture | None = None
    """For its memory use where its file is not on this machine."""
    gguf: dict[str, GgufFile] = Field(default_factory=dict)
    """Its files by quantization."""
    default_quantization: str | None = None

    @model_validator(mode="after")
    def _default_is_there(self) -> Profile:
        if self.gguf and self.default_quantization not in self.gguf:
            raise ValueError(f"{self.name}: default_quantization is none of {', '.join(self.gguf)}")
        return self

    def gguf_file(self, quantization: str | None = None) -> GgufFile | None:
        """The file of `quantization` (any case), or of the default one; None when there is none."""
        wanted = (quantization or self.default_quantization or "").lower()
        return next((file for key, file in self.gguf.items() if key.lower() == wanted), None)


@cache
def load_catalogue() -> tuple[Profile, ...]:
    """All profiles: by the bytes of the default file, then those without a file, the generic one last."""
    profiles = [
        Profile.model_validate(entry)
        for source in resources.files(__name__).iterdir()
        if source.name.endswith(".toml")
        for entry in tomllib.loads(source.read_text(encoding="utf-8"))["model"]
    ]
    return tuple(sorted(profiles, key=_order))


def find_profile(name: str) -> Profile:
    """The profile for `name`; the generic one for a model that the catalogue does not have.

    `name` is a profile's name or alias, its name at Ollama, a GGUF file's name or path, or what some
    server calls the model ("Qwen2.5-Coder-1.5B-Instruct-Q4_K_M.gguf", "qwen3-coder-next:latest").
    """
    wanted = _words(name)
    best, longest = _generic(), 0
    for profile in load_catalogue():
        for key in _keys(profile):
            words = _words(key)
            if words == wanted:
                return profile
            if len(words) > longest and _within(words, wanted):
                best, longest = profile, len(words)
    return best


def _order(profile: Profile) -> tuple[bool, bool, int, str]:
    file = profile.gguf_file()
    return profile.name == GENERIC, file is None, file.bytes if file else 0, profile.name


def _generic() -> Profile:
    return next(profile for profile in load_catalogue() if profile.name == GENERIC)


def _keys(profile: Profile) -> list[str]:
    if profile.name == GENERIC:
        return [GENERIC]
    names = [profile.name, *profile.aliases, *(file.file for file in profile.gguf.values())]
    return [*names, profile.ollama] if profile.ollama else names


def _words(name: str) -> tuple[str, ...]:
    """The words of a model's name: of the last part of a path, without `.gguf` and `:latest`."""
    last = name.strip().lower().rstrip("/").rpartition("/")[2].removesuffix(".gguf").removesuffix(":latest")
    return tuple(word for word in re.split(r"[^a-z0-9.]+", last) if word)


def _within(needle: tuple[str, ...], words: tuple[str, ...]) -> bool:
    return bool(needle) and any(
        words[start : start + len(needle)] == needle for start in range(len(words) - len(needle) + 1)
    )
