"""Chooses what the bundled runtime serves: the model file, the context window, the number of slots."""

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
    from agent.catalogue.placement import SizedModel

__all__ = ["DEFAULT_MODEL", "ServeOptions", "prepare"]

DEFAULT_CONTEXT = 32_768
"""The context window in tokens of a model whose memory use is not known."""
MIN_CONTEXT = 4_096
"""The context window in tokens that is tried where the estimate leaves no memory for any: it may be wrong."""
PORT = 8080
SLOTS = 2
"""One for a session, one for its other requests: they must not evict the session's prompt from the cache."""


@dataclass(frozen=True)
class ServeOptions:
    """What to serve. `model` is a catalogue name or a GGUF file's path, `context` the tokens of each slot.

    `context` None is what memory allows, `port` 0 is any that is free, `quantization` None is the model's default.
    """

    model: str = DEFAULT_MODEL
    context: int | None = None
    parallel: int = SLOTS
    host: str = "127.0.0.1"
    port: int = PORT
    kv_type: KvType = "f16"
    yarn: bool = False
    quantization: str | None = None
    api_key: str = field(default="", repr=False)


async def prepare(options: ServeOptions, *, log_path: Path, on_progress: OnProgress | None = None) -> BundledServer:
    """The server, ready to be entered; its model file is downloaded where it is not on this machine.

    Raises `UsageError` for options that can't be met, `ModelUnavailable` without a runtime or a model file.
    """
    profile, path = _find_model(options)
    kind, _ = await find_runtime()
    sized = _size_model(profile, path, options.quantization)
    context, yarn = _window(options, profile, sized, kind)
    _check_port(options.host, options.port)
    known = profile.name != GENERIC
    return BundledServer(
        path or await pull(profile, options.quantization, on_progress=on_progress),
        context=context,
        parallel=options.parallel,
        log_path=log_path,
        settings=RuntimeSettings(
            name="" if path else profile.name,
            host=options.host,
            port=options.port,
            kv_type=options.kv_type,
            yarn=yarn,
            # The file of a model that is not in the catalogue may have recommendations of its own.
            sampling=profile.sampling if known else None,
            api_key=options.api_key,
        ),
    )


def _find_model(options: ServeOptions) -> tuple[Profile, Path | None]:
    """The model's profile, and its file where `options.model` is one. Raises `UsageError`, `ModelUnavailable`."""
    path = Path(options.model).expanduser()
    if options.model.lower().endswith(".gguf"):
        if not path.is_file():
            raise ModelUnavailable(f"there is no model file {path}", hint="`swe-agent models pull NAME` gets one")
        return find_profile(path.name), path
    profile = find_profile(options.model)
    if profile.name == GENERIC:
        known = ", ".join(each.name for each in load_catalogue() if each.gguf)
        raise UsageError(
            f"the catalogue has no model {options.model!r}", hint=f"it has {known}; or give the path of a .gguf file"
        )
    return profile, None


def _size_model(profile: Profile, path: Path | None, quantization: str | None) -> SizedModel | None:
    """The model with its memory use, None where that is not known."""
    if path is None:
        return from_profile(profile, quantization)
    try:
        return from_gguf(read_gguf(path), profile)
    except ModelUnavailable:
        return None  # the runtime may be able to load it


def _window(options: ServeOptions, profile: Profile, sized: SizedModel | None, kind: Kind) -> tuple[int, Yarn | None]:
    """Tokens of each slot, and how the window is stretched to them. Raises `UsageError`."""
    trained = (sized.window if sized else None) or profile.window
    if options.yarn:
        return _stretched_window(options.context, profile)
    if options.context is None:
        return _context_for_memory(options, sized, kind) if sized else min(
            DEFAULT_CONTEXT, trained or DEFAULT_CONTEXT
        ), None
    if trained and options.context > trained:
        raise UsageError(
            f"the model was trained for {trained} tokens, not for {options.context}",
            hint=f"--context {trained}" + (", or --yarn to stretch the window" if profile.yarn else ""),
        )
    return options.context, None


def _context_for_memory(options: ServeOptions, sized: SizedModel, kind: Kind) -> int:
    """The tokens of each slot that this machine has memory for, at most those that the model was trained for."""
    machine = this_machine()
    if kind == "xllamacpp" and not machine.unified:
        # The wheel computes on the processor.
        machine = Machine.described(machine.ram_bytes)
    found = fit(sized, machine, kv=options.kv_type, slots=options.parallel)
    return found.context or min(MIN_CONTEXT, sized.window or MIN_CONTEXT)


def _stretched_window(context: int | None, profile: Profile) -> tuple[int, Yarn]:
    """A window beyond the trained one, by the smallest factor that will do: it makes short prompts worse."""
    if not (known := profile.yarn):
        raise UsageError(f"how to stretch the window of {profile.name} by YaRN is not known", hint="leave --yarn out")
    most = int(known.original * known.factor)
    if context is None or not known.original < context <= most:
        raise UsageError(
            f"--yarn stretches the {known.original} tokens of {profile.name} to at most {most}",
            hint=f"say how many, like --context {most}",
        )
    return context, Yarn(factor=context / known.original, original=known.original)


def _check_port(host: str, port: int) -> None:
    """Raises `UsageError` when the address can't be listened at, before a model is loaded for minutes."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As the server does: a closed connection's TIME_WAIT state does not block the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise UsageError(
                f"the server can't listen at {host}, port {port}: {reason}",
                hint="another --port, or --port 0 for any that is free",
            ) from error
