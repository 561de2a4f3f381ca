"""The command lines that serve a model as `models fit` placed it: with llama.cpp, Ollama and `models serve`."""

from __future__ import annotations

import shlex

from agent.catalogue.download import hub_command
from agent.catalogue.fit import Fit
from agent.catalogue.placement import usable_ram
from agent.catalogue.profiles import Profile, Sampling
from agent.user_directories import models_directory

MAX_COLUMNS = 78
_PROMPT_CACHE_MIB = 8192
"""The default of llama-server's `--cache-ram`, its cache of prompts in system memory."""


def llama_server(found: Fit, sampling: Sampling | None) -> str:
    """The command line for llama.cpp's server; every slot has the whole context."""
    model, placement = found.model, found.placement
    words = ["llama-server"]
    if model.path:
        words += [f"-m {shlex.quote(str(model.path))}"]
    elif model.file:
        words += [f"-hf {model.file.repo}:{model.quantization}"]
    words += [f"--ctx-size {found.context * found.slots}", f"--parallel {found.slots}"]
    if found.machine.gpus:
        layers = 0 if placement.where == "RAM" else placement.gpu_layers
        words += [f"--n-gpu-layers {999 if layers > model.shape.block_count else layers}"]
    if placement.cpu_moe:
        words += ["--cpu-moe" if placement.cpu_moe == len(model.experts) else f"--n-cpu-moe {_first_blocks(found)}"]
    if found.kv != "f16":
        words += [f"--cache-type-k {found.kv}", f"--cache-type-v {found.kv}", "--flash-attn on"]
    if found.yarn and model.yarn:
        factor = found.context / model.yarn.original
        words += ["--rope-scaling yarn", f"--rope-scale {factor:g}", f"--yarn-orig-ctx {model.yarn.original}"]
    words += ["--jinja", *_sampling_flags(sampling)]
    spare = max(0, usable_ram(found.machine) - placement.ram_bytes) >> 20
    if found.machine.unified:
        spare = max(0, spare - (placement.gpu_bytes >> 20))
    if spare < _PROMPT_CACHE_MIB:
        words += [f"--cache-ram {spare}"]
    return wrapped(words)


def modelfile(found: Fit, profile: Profile | None) -> str:
    """A Modelfile for Ollama; empty where Ollama can't serve the model this way."""
    model = found.model
    if found.yarn:
        return ""
    if profile and profile.ollama and not (model.path and not model.file):
        source = profile.ollama
    elif model.path and "-00001-of-" not in model.path.name:
        source = str(model.path)
    elif model.file and len(model.file.parts) == 1:
        source = f"hf.co/{model.file.repo}:{model.quantization}"
    else:
        return ""
    lines = [f"FROM {source}", f"PARAMETER num_ctx {found.context}"]
    if profile and source == profile.ollama:
        lines.insert(0, "# Ollama's own file of the model, which may be another quantization")
    if profile:
        own = profile.sampling
        lines += [
            f"PARAMETER temperature {own.temperature}",
            f"PARAMETER top_p {own.top_p}",
            f"PARAMETER top_k {own.top_k}",
            f"PARAMETER min_p {own.min_p}",
        ]
        if own.repeat_penalty is not None:
            lines.append(f"PARAMETER repeat_penalty {own.repeat_penalty}")
    return "\n".join(lines)


def ollama(found: Fit) -> str:
    """The commands that start Ollama's server and create a model from the Modelfile."""
    name = f"{found.model.name.lower()}-{found.context // 1024}k"
    settings = [f"OLLAMA_NUM_PARALLEL={found.slots}"]
    if found.kv != "f16":
        settings += ["OLLAMA_FLASH_ATTENTION=1", f"OLLAMA_KV_CACHE_TYPE={found.kv}"]
    return "\n".join([wrapped([*settings, "ollama serve"]), f"ollama create {name} -f Modelfile"])


def serve(found: Fit, profile: Profile | None) -> str:
    """The command of `models serve`, after a download where the model is split into several files."""
    model, lines = found.model, []
    name = model.name
    words = ["swe-agent models serve"]
    if model.file is None:
        words.append(shlex.quote(str(model.path)))
    else:
        words.append(name)
        if profile and model.quantization != profile.default_quantization:
            words.append(f"--quantization {model.quantization}")
        if len(model.file.parts) > 1 and model.path is None:
            lines.append(wrapped(hub_command(model.file, models_directory()).split(" --"), joint="--"))
    words += [f"--context {found.context}", f"--parallel {found.slots}"]
    if found.kv != "f16":
        words.append(f"--kv-type {found.kv}")
    if found.yarn:
        words.append("--yarn")
    return "\n".join([*lines, wrapped(words)])


def wrapped(words: list[str], *, joint: str = "") -> str:
    """A command line of at most `MAX_COLUMNS` columns a line where its words allow it, to be pasted into a shell."""
    lines, line = [], words[0]
    for word in (joint + each for each in words[1:]):
        if len(line) + len(word) + 3 > MAX_COLUMNS:
            lines.append(line + " \\")
            line = "  " + word
        else:
            line += " " + word
    return "\n".join([*lines, line])


def _first_blocks(found: Fit) -> int:
    """How many blocks, from the first on, llama-server has to keep in system memory; leading dense ones count."""
    return found.model.shape.leading_dense_block_count + found.placement.cpu_moe


def _sampling_flags(sampling: Sampling | None) -> list[str]:
    if sampling is None:
        return []
    flags = [
        f"--temp {sampling.temperature}",
        f"--top-p {sampling.top_p}",
        f"--top-k {sampling.top_k}",
        f"--min-p {sampling.min_p}",
    ]
    if sampling.repeat_penalty is not None:
        flags.append(f"--repeat-penalty {sampling.repeat_penalty}")
    return flags
