"""Reads the header of a GGUF file: its metadata and the sizes of its tensors, not the tensors.

Not the `gguf` package: it takes 7.6 s for a 1.1 GB file (measured), since it turns every word of the
vocabulary into objects; this one skips them and takes 0.15 s.
Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, versions 2 and 3, little-endian.
"""

from __future__ import annotations

import mmap
import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from agent.errors import ModelUnavailable

if TYPE_CHECKING:
    from agent.catalogue.architecture import Architecture

__all__ = ["GgufModel", "Value", "read_gguf"]

Value = int | float | bool | str | tuple[int | float | bool, ...]

_STRING, _ARRAY = 8, 9
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_MAX_ARRAY_LENGTH = 4096
"""Longer arrays are vocabularies, not a value for each layer; they are skipped."""
_PART = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$")

# Every n-th layer of these architectures does not slide: llama.cpp has it in its source, files don't say it.
_SLIDING_PATTERN = {"gpt-oss": 2, "gemma2": 2, "gemma3": 6, "cohere2": 4, "olmo2": 4, "exaone4": 4}


@dataclass(frozen=True)
class GgufModel:
    """A model file, all its parts taken together."""

    path: Path
    """Of the (first) file."""
    metadata: dict[str, Value]
    lengths: dict[str, int]
    """How many elements every array has, those that were skipped included."""
    tensors: dict[str, int]
    """Bytes by tensor name, padding up to the next tensor included."""

    @property
    def weights(self) -> int:
        """Bytes of all tensors."""
        return sum(self.tensors.values())

    @property
    def trained_window(self) -> int | None:
        """Tokens the model was trained for, if the file says so."""
        found = self.metadata.get(f"{self.metadata.get('general.architecture')}.context_length")
        return found if isinstance(found, int) else None

    def expert_bytes(self) -> dict[int, int]:
        """Bytes of the experts' tensors by layer."""
        sizes: dict[int, int] = {}
        for name, size in self.tensors.items():
            if found := re.match(r"blk\.(\d+)\.ffn_\w*_exps\b", name):
                sizes[int(found[1])] = sizes.get(int(found[1]), 0) + size
        return sizes

    def architecture(self) -> Architecture:
        """The model's shape. Raises ModelUnavailable when the file does not give it."""
        from pydantic import ValidationError

        from agent.catalogue.architecture import Architecture

        try:
            return Architecture.model_validate(_shape(self))
        except (ValidationError, KeyError, TypeError) as error:
            raise ModelUnavailable(
                f"{self.path.name} does not say what is needed to size it ({_reason(error)})",
                hint="is it a language model, and its conversion a recent one?",
            ) from error


def read_gguf(path: Path) -> GgufModel:
    """Returns what is in the header of `path` and, where it is one of several parts, in those of the others.

    Raises ModelUnavailable for a file that can't be read, is no GGUF, is damaged, or lacks a part.
    """
    found = _PART.search(path.name)
    names = [path.name]
    if found:
        stem, count = path.name[: found.start()], int(found[2])
        names = [f"{stem}-{part:05}-of-{count:05}.gguf" for part in range(1, count + 1)]
    parts = [_read(path.with_name(name)) for name in names]
    first = parts[0]
    for part in parts[1:]:
        first.tensors.update(part.tensors)
    return first


def _read(path: Path) -> GgufModel:
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _Header(path, data).read()
    except (struct.error, IndexError, UnicodeDecodeError, RecursionError) as error:
        raise ModelUnavailable(f"{path.name} is damaged or cut off", hint="get the file again") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ModelUnavailable(
            f"{path} can't be read: {reason}", hint="is it a GGUF file, with all its parts?"
        ) from error


class _Header:
    """A cursor over one file's header."""

    def __init__(self, path: Path, data: mmap.mmap) -> None:
        self.path = path
        self.data = data
        self.at = 0
        self.lengths: dict[str, int] = {}

    def read(self) -> GgufModel:
        if self.data[:4] != b"GGUF":
            raise ValueError("it is no GGUF file")
        self.at = 4
        version = self.number("I")
        if version not in (2, 3):
            raise ValueError(f"its GGUF version, {version & 0xFFFF}, is not one we know")
        tensor_count, pair_count = self.number("Q"), self.number("Q")
        metadata: dict[str, Value] = {}
        for _ in range(pair_count):
            key = self.string()
            value = self.value(self.number("I"), key)
            if value is not None:
                metadata[key] = value
        alignment = metadata.get("general.alignment")
        tensors = self.tensor_sizes(tensor_count, alignment if isinstance(alignment, int) and alignment > 0 else 32)
        return GgufModel(self.path, metadata, self.lengths, tensors)

    def number(self, code: str) -> Any:
        value = struct.unpack_from(f"<{code}", self.data, self.at)[0]
        self.at += struct.calcsize(f"<{code}")
        return value

    def string(self) -> str:
        length = self.number("Q")
        start, self.at = self.at, self.skip(length)
        return self.data[start : self.at].decode("utf-8")

    def skip(self, length: int) -> int:
        """Where one is after `length` more bytes."""
        if self.at + length > len(self.data):
            raise IndexError
        return self.at + length

    def value(self, kind: int, key: str) -> Value | None:
        """The value at the cursor; None for an array that is skipped."""
        if kind == _STRING:
            return self.string()
        if kind != _ARRAY:
            return cast("int | float | bool", self.number(_code(kind)))
        element, count = self.number("I"), self.number("Q")
        self.lengths[key] = count
        if element in (_STRING, _ARRAY):
            for _ in range(count):
                if element == _ARRAY:
                    self.value(_ARRAY, key)
                else:
                    self.at = self.skip(8 + struct.unpack_from("<Q", self.data, self.at)[0])
            return None
        code = _code(element)
        start, self.at = self.at, self.skip(count * struct.calcsize(f"<{code}"))
        return struct.unpack_from(f"<{count}{code}", self.data, start) if count <= _MAX_ARRAY_LENGTH else None

    def tensor_sizes(self, count: int, alignment: int) -> dict[str, int]:
        """Bytes by tensor: from where it begins to where the next one does, or the file ends."""
        offsets: list[tuple[int, str]] = []
        for _ in range(count):
            name = self.string()
            self.at = self.skip(8 * self.number("I"))
            self.number("I")
            offsets.append((self.number("Q"), name))
        if not offsets:
            return {}
        offsets.sort()
        start = -(-self.at // alignment) * alignment
        ends = [*(offset for offset, _ in offsets[1:]), len(self.data) - start]
        if ends[-1] <= offsets[-1][0]:
            raise IndexError
        return {name: end - offset for (offset, name), end in zip(offsets, ends, strict=True)}


def _code(kind: int) -> str:
    if kind not in _SCALARS:
        raise IndexError
    return _SCALARS[kind]


def _shape(model: GgufModel) -> dict[str, object]:
    """The fields of an Architecture from the metadata."""
    metadata = model.metadata
    name = str(metadata["general.architecture"])

    def get(key: str, default: Value | None = None) -> Any:
        return metadata.get(f"{name}.{key}", default)

    def most(key: str) -> Any:
        value = get(key, 0)
        return max(value) if isinstance(value, tuple) else value

    width = get("embedding_length", 0)
    head = width // (most("attention.head_count") or 1)
    pattern = get("attention.sliding_window_pattern", _SLIDING_PATTERN.get(name, 0))
    return {
        "name": name,
        "block_count": metadata[f"{name}.block_count"],
        "nextn_predict_layers": get("nextn_predict_layers", 0),
        "embedding_length": width,
        "feed_forward_length": most("feed_forward_length"),
        "head_count": most("attention.head_count"),
        "head_count_kv": get("attention.head_count_kv", get("attention.head_count", 0)),
        "key_length": get("attention.key_length", head),
        "value_length": get("attention.value_length", head),
        "full_attention_interval": get("full_attention_interval", 4 if name == "qwen3next" else 0),
        "kv_lora_rank": get("attention.kv_lora_rank", 0),
        "mla": get("attention.key_length_mla") is not None,
        # Where no layer is known to slide, llama.cpp keeps everything.
        "sliding_window": get("attention.sliding_window", 0) if pattern else 0,
        "sliding_window_pattern": pattern,
        "key_length_swa": get("attention.key_length_swa", 0),
        "value_length_swa": get("attention.value_length_swa", 0),
        "shared_kv_layers": get("attention.shared_kv_layers", 0),
        "ssm": _recurrence(get),
        "expert_count": get("expert_count", 0),
        "expert_used_count": get("expert_used_count", 0),
        "expert_shared_count": get("expert_shared_count", 0),
        "expert_feed_forward_length": get("expert_feed_forward_length", 0),
        "leading_dense_block_count": get("leading_dense_block_count", 0),
    }


def _recurrence(get: Any) -> dict[str, object] | None:
    if not get("ssm.inner_size"):
        return None
    return {
        "conv_kernel": get("ssm.conv_kernel"),
        "inner_size": get("ssm.inner_size"),
        "state_size": get("ssm.state_size"),
        "group_count": get("ssm.group_count", 0),
    }


def _reason(error: Exception) -> str:
    return f"no {error.args[0]}" if isinstance(error, KeyError) else str(error).splitlines()[0]
