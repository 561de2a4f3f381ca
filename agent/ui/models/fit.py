"""`swe-agent models fit`: a table of all models, or one model's memory, contexts and command lines."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.catalogue.fit import MIN_CONTEXT, USEFUL_CONTEXT, Fit, best_of, candidates, fit, from_gguf
from agent.catalogue.gguf import read_gguf
from agent.catalogue.hardware import GIB, Machine, parse_memory, this_machine
from agent.catalogue.memory import KV_TYPES, KvType
from agent.catalogue.placement import SizedModel
from agent.catalogue.profiles import GENERIC, Profile, find_profile, load_catalogue
from agent.errors import UsageError
from agent.ui.models import fit_commands

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


@dataclass(frozen=True)
class FitOptions:
    """The options of `models fit`; None and "" stand for options that were not given."""

    model: str = ""
    memory: str = ""
    gpu_memory: str = ""
    unified: bool = False
    context: int | None = None
    kv: KvType | None = None
    parallel: int = 1
    yarn: bool = False
    quantization: str | None = None


def run_fit(options: FitOptions, *, as_json: bool) -> int:
    """Print what fits, on standard output; 0, also when nothing does.

    Raises `UsageError` for an unknown model or impossible options, `ModelUnavailable` for a file that can't be read.
    """
    machine = _machine(options)
    if options.model:
        found, profile = _fit_model(options, machine)
        if as_json:
            _print_json(machine, [_as_json(found, profile)])
        else:
            _print_one(found, profile)
        return 0
    if options.quantization or options.yarn:
        raise UsageError("--quantization and --yarn are for one model", hint="say which: `swe-agent models list`")
    fits = _fit_catalogue(options, machine)
    if as_json:
        _print_json(machine, [_as_json(found, None) for found in fits])
    else:
        _print_all(machine, fits, options)
    return 0


def _machine(options: FitOptions) -> Machine:
    """This machine, or the one the options describe, which has this one's memory and no GPU unless they say so."""
    if not (options.memory or options.gpu_memory or options.unified):
        return this_machine()
    ram = parse_memory(options.memory) if options.memory else this_machine().ram_bytes
    gpu = parse_memory(options.gpu_memory) if options.gpu_memory else 0
    return Machine.described(ram, gpu, unified=options.unified)


def _fit_model(options: FitOptions, machine: Machine) -> tuple[Fit, Profile | None]:
    """The model that was asked for, in the best quantization that fits, and its profile where it has one."""
    if options.model.lower().endswith(".gguf"):
        path = Path(options.model).expanduser()
        if not path.is_file():
            raise UsageError(f"there is no file {path}", hint="a model of the catalogue is named without .gguf")
        profile = find_profile(path.name)
        known = None if profile.name == GENERIC else profile
        return _best_fit([from_gguf(read_gguf(path.absolute()), known)], machine, options), known
    profile = find_profile(options.model)
    if profile.name == GENERIC:
        names = ", ".join(each.name for each in load_catalogue() if each.gguf)
        raise UsageError(
            f"the catalogue has no model {options.model!r}", hint=f"it has {names}; or give the path of a .gguf file"
        )
    sized = candidates(profile, options.quantization)
    if not sized:
        what = f"{profile.name} in {options.quantization}" if options.quantization and profile.gguf else profile.name
        there = f"there is {', '.join(profile.gguf)}; or " if profile.gguf else ""
        raise UsageError(f"no file is known for {what}", hint=f"{there}give the path of a .gguf file")
    return _best_fit(sized, machine, options), profile


def _fit_catalogue(options: FitOptions, machine: Machine) -> list[Fit]:
    """The best fit of each model; models that don't support the context asked for are left out."""
    fits = []
    for profile in load_catalogue():
        if sized := candidates(profile):
            try:
                fits.append(_best_fit(sized, machine, options))
            except UsageError:
                continue
    if not fits:
        raise UsageError(f"no model of the catalogue takes {options.context} tokens")
    return fits


def _best_fit(sized: list[SizedModel], machine: Machine, options: FitOptions) -> Fit:
    found = [
        fit(
            each,
            machine,
            context=options.context,
            kv=options.kv,
            slots=options.parallel,
            yarn=options.yarn,
        )
        for each in sized
    ]
    return best_of(found, least=options.context or USEFUL_CONTEXT)


def _described(machine: Machine) -> str:
    ram = f"{machine.ram_bytes / GIB:.1f} GiB of memory"
    if machine.unified:
        return f"{ram}, {machine.gpu_bytes / GIB:.1f} GiB of it for the GPU"
    if not machine.gpus:
        return f"{ram}, no GPU"
    count = f"{machine.gpus} GPUs" if machine.gpus > 1 else "GPU"
    return f"{ram}, {count} with {machine.gpu_bytes / GIB:.1f} GiB" + (f" ({machine.name})" if machine.name else "")


def _print_all(machine: Machine, fits: list[Fit], options: FitOptions) -> None:
    from rich.table import Table

    console = _console()
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for heading, side in (("model", "left"), ("quantization", "left"), ("GiB", "right"), ("goes to", "left")):
        table.add_column(heading, justify="right" if side == "right" else "left", no_wrap=True)
    for kind in KV_TYPES:
        table.add_column(kind, justify="right", no_wrap=True)
    for found in fits:
        style = None if found.fits else "dim"
        contexts = [f"{found.largest[kind]:,}" if found.largest[kind] else "-" for kind in KV_TYPES]
        size = f"{found.model.weights / GIB:.1f}"
        table.add_row(found.model.name, found.model.quantization, size, found.placement.where, *contexts, style=style)
    slots = f" in each of {options.parallel} slots" if options.parallel > 1 else ""
    console.print(f"{_described(machine)}\nThe largest context{slots}, by the cache's type:\n", highlight=False)
    console.print(table)
    if not any(found.fits for found in fits):
        console.print("\nNone of them fits.", highlight=False)
    else:
        console.print("\nThe command lines for one: swe-agent models fit MODEL", highlight=False, style="dim")


def _print_one(found: Fit, profile: Profile | None) -> None:
    console = _console()
    title = f"{found.model.name} {found.model.quantization}".strip()
    slots = f" in each of {found.slots} slots" if found.slots > 1 else ""
    console.print(f"{_described(found.machine)}\n", highlight=False)
    if found.fits:
        console.print(f"{title} fits: {_placement(found)}", highlight=False)
        console.print(f"with {found.context:,} tokens{slots}, the cache in {found.kv}", highlight=False)
    else:
        context = f"with {found.context:,} tokens" if found.context else f"not even with {MIN_CONTEXT:,} tokens"
        console.print(f"{title} does not fit, {context}{slots}; it needs", highlight=False)
    console.print(_bytes(found))
    if found.fits:
        largest = ", ".join(f"{found.largest[kind]:,} in {kind}" for kind in KV_TYPES)
        console.print(f"\nThe largest context there: {largest}", highlight=False)
        console.print(f"The model takes {found.limit:,}", highlight=False)
        _print_commands(found, profile)


def _bytes(found: Fit) -> Table:
    from rich.table import Table

    model, need, placement = found.model, found.memory_use, found.placement
    source = "" if model.exact else "the file's size" + ("; the experts' share is estimated" if model.experts else "")
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column()
    table.add_column(justify="right")
    table.add_column(style="dim")
    for name, size, note in (
        ("weights", need.weights, source),
        ("cache", need.cache, "keys and values of the context"),
        ("recurrent state", need.state, "a slot's, whatever the context"),
        ("working buffers", need.compute, "an estimate"),
        ("checkpoints", need.checkpoints, "in system memory, for going back"),
        ("on the GPU", placement.gpu_bytes, ""),
        ("in system memory", placement.ram_bytes, ""),
    ):
        if size:
            table.add_row(name, f"{size / GIB:.2f} GiB", note)
    return table


def _print_commands(found: Fit, profile: Profile | None) -> None:
    """Print the command lines unwrapped, so that they can be pasted."""
    for title, text in _commands(found, profile).items():
        sys.stdout.write(f"\n# {title}\n{text}\n")
    sys.stdout.flush()


def _commands(found: Fit, profile: Profile | None) -> dict[str, str]:
    """Title → the text to paste."""
    commands = {"llama.cpp": fit_commands.llama_server(found, profile.sampling if profile else None)}
    if text := fit_commands.modelfile(found, profile):
        commands["Ollama: the file Modelfile"] = text
        commands["Ollama: its server, and the model once that runs"] = fit_commands.ollama(found)
    title = "swe-agent" + (" (the GPU is used by a llama-server on PATH)" if found.placement.gpu_bytes else "")
    commands[title] = fit_commands.serve(found, profile)
    return commands


def _placement(found: Fit) -> str:
    placement = found.placement
    if placement.where == "GPU":
        return "all on the GPU"
    if placement.where == "experts in RAM":
        return f"all on the GPU but the experts of {placement.cpu_moe} layers"
    if placement.where == "partly on GPU":
        return f"{placement.gpu_layers} of {found.model.shape.block_count} layers on the GPU"
    return "in system memory"


def _as_json(found: Fit, profile: Profile | None) -> dict[str, Any]:
    record: dict[str, Any] = {
        "name": found.model.name,
        "quantization": found.model.quantization,
        "fits": found.fits,
        "context": found.context,
        "kv": found.kv,
        "slots": found.slots,
        "limit": found.limit,
        "yarn": found.yarn,
        "largest": found.largest,
        "exact": found.model.exact,
        "bytes": asdict(found.memory_use),
        "placement": asdict(found.placement),
    }
    if profile is not None or found.model.file is None:
        record["commands"] = (
            {
                "llama-server": fit_commands.llama_server(found, profile.sampling if profile else None),
                "modelfile": fit_commands.modelfile(found, profile),
                "ollama": fit_commands.ollama(found),
                "serve": fit_commands.serve(found, profile),
            }
            if found.fits
            else {}
        )
    return record


def _print_json(machine: Machine, records: list[dict[str, Any]]) -> None:
    json.dump({"machine": asdict(machine), "models": records}, sys.stdout, indent=2)
    sys.stdout.write("\n")


def _console() -> Console:
    from rich.console import Console

    return Console()
