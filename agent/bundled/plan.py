"""What `models serve` is to start: which model file, how large a window, in how many slots."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from agent.bundled.options import Kind, RuntimeSettings, find_runtime
from agent.bundled.server import BundledServer
from agent.catalogue.download import pull
from agent.catalogue.fit import fit, from_gguf, from_profile
from agent.catalogue.gguf import read_gguf
from agent.catalogue.hardware import Machine, this_machine
from agent.catalogue.profiles import DEFAULT_MODEL, GENERIC, Profile, Yarn, find_profile, load_catalogue
from agent.errors import ModelUnavailable, UsageError

if TYPE_CHECKING:
    from agent.catalogue.download import OnProgress
    from agent.catalogue.memory import KvType
    from agent.catalogue.placement import Sized

__all__ = ["DEFAULT_MODEL", "Wanted", "prepare"]

USUAL_CONTEXT = 32_768
"""The window in tokens of a model of which too little is known to reckon with."""
LEAST_CONTEXT = 4_096
"""The window tried when reckoning finds no room at all: it may be wrong."""
PORT = 8080
SLOTS = 2
"""One for a session, one for its side calls: they must not push the session's prompt out of the cache."""


@dataclass(frozen=True)
class Wanted:
    """What the user asks for; None and 0 leave it to us. `context` is tokens a slot, `model` a name or a file."""

    model: str = DEFAULT_MODEL
    context: int | None = None
    parallel: int = SLOTS
    host: str = "127.0.0.1"
    port: int = PORT
    kv_type: KvType = "f16"
    yarn: bool = False
    quantization: str | None = None
    api_key: str = field(default="", repr=False)


async def prepare(wanted: Wanted, *, log_path: Path, on_progress: OnProgress | None = None) -> BundledServer:
    """The server that is asked for, its model file here, still to be entered.

    Raises `UsageError` for what can't be, `ModelUnavailable` when there is no runtime or no file.
    """
    profile, path = _model(wanted)
    kind, _ = await find_runtime()
    sized = _sized(profile, path, wanted.quantization)
    context, yarn = _window(wanted, profile, sized, kind)
    _must_be_free(wanted.host, wanted.port)
    known = profile.name != GENERIC
    return BundledServer(
        path or await pull(profile, wanted.quantization, on_progress=on_progress),
        context=context,
        parallel=wanted.parallel,
        log_path=log_path,
        settings=RuntimeSettings(
            name="" if path else profile.name,
            host=wanted.host,
            port=wanted.port,
            kv_type=wanted.kv_type,
            yarn=yarn,
            # Of an unknown model the file itself may say more than we do.
            sampling=profile.sampling if known else None,
            api_key=wanted.api_key,
        ),
    )


def _model(wanted: Wanted) -> tuple[Profile, Path | None]:
    """The model's profile, and its file where that was named."""
    path = Path(wanted.model).expanduser()
    if wanted.model.lower().endswith(".gguf"):
        if not path.is_file():
            raise ModelUnavailable(f"there is no model file {path}", hint="`swe-agent models pull NAME` gets one")
        return find_profile(path.name), path
    profile = find_profile(wanted.model)
    if profile.name == GENERIC:
        known = ", ".join(each.name for each in load_catalogue() if each.gguf)
        raise UsageError(
            f"the catalogue has no model {wanted.model!r}", hint=f"it has {known}; or give the path of a .gguf file"
        )
    return profile, None


def _sized(profile: Profile, path: Path | None, quantization: str | None) -> Sized | None:
    """What is known of the model's needs; None where that is too little."""
    if path is None:
        return from_profile(profile, quantization)
    try:
        return from_gguf(read_gguf(path), profile)
    except ModelUnavailable:
        return None  # the runtime may know better


def _window(wanted: Wanted, profile: Profile, sized: Sized | None, kind: Kind) -> tuple[int, Yarn | None]:
    """Tokens a slot, and how the window is stretched to hold them."""
    trained = (sized.window if sized else None) or profile.window
    if wanted.yarn:
        return _stretched(wanted.context, profile)
    if wanted.context is None:
        return _room(wanted, sized, kind) if sized else min(USUAL_CONTEXT, trained or USUAL_CONTEXT), None
    if trained and wanted.context > trained:
        raise UsageError(
            f"the model was trained for {trained} tokens, not for {wanted.context}",
            hint=f"--context {trained}" + (", or --yarn to stretch the window" if profile.yarn else ""),
        )
    return wanted.context, None


def _room(wanted: Wanted, sized: Sized, kind: Kind) -> int:
    """The tokens a slot that this machine has memory for, at most those the model was trained for."""
    machine = this_machine()
    if kind == "xllamacpp" and not machine.unified:
        # The wheel computes on the processor.
        machine = Machine.given(machine.ram_bytes)
    found = fit(sized, machine, kv=wanted.kv_type, slots=wanted.parallel)
    return found.context or min(LEAST_CONTEXT, sized.window or LEAST_CONTEXT)


def _stretched(context: int | None, profile: Profile) -> tuple[int, Yarn]:
    """A window beyond the trained one. The factor is no larger than it must be: short prompts suffer from it."""
    if not (known := profile.yarn):
        raise UsageError(f"how to stretch the window of {profile.name} by YaRN is not known", hint="leave --yarn out")
    most = int(known.original * known.factor)
    if context is None or not known.original < context <= most:
        raise UsageError(
            f"--yarn stretches the {known.original} tokens of {profile.name} to at most {most}",
            hint=f"say how many, like --context {most}",
        )
    return context, Yarn(factor=context / known.original, original=known.original)


def _must_be_free(host: str, port: int) -> None:
    """Raises `UsageError` when nobody can listen there; before a model is loaded for minutes."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As the server does: what a closed connection leaves behind for a minute is no hindrance.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise UsageError(
                f"the server can't listen at {host}, port {port}: {reason}",
                hint="another --port, or --port 0 for any that is free",
            ) from error
