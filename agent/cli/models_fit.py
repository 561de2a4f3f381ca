"""`swe-agent models fit`: what fits a machine, at which context, and how to serve it."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

_MODEL = "A name from `swe-agent models list`, or the path of a .gguf file. [default: all of the catalogue]"


def fit_models(  # noqa: PLR0913 - one parameter an option
    model: Annotated[str | None, typer.Argument(help=_MODEL)] = None,
    memory: Annotated[
        str | None,
        typer.Option(help="System memory of another machine, like 64GB; without --gpu-memory it has no GPU."),
    ] = None,
    gpu_memory: Annotated[str | None, typer.Option(help="GPU memory of another machine, like 24GB.")] = None,
    unified: Annotated[
        bool, typer.Option("--unified", help="The other machine's GPU shares the system memory, like a Mac's.")
    ] = False,
    context: Annotated[
        int | None,
        typer.Option(min=256, help="Context window of each slot, in tokens. [default: as large as memory allows]"),
    ] = None,
    kv: Annotated[
        Literal["f16", "q8_0", "q4_0"] | None,
        typer.Option(help="Type of the KV cache. [default: f16, or q8_0 where that leaves fewer than 65536 tokens]"),
    ] = None,
    parallel: Annotated[int, typer.Option(min=1, max=64, help="Number of slots, each with the whole context.")] = 1,
    yarn: Annotated[
        bool, typer.Option("--yarn", help="Extend the window by YaRN, as the model's maker documents it.")
    ] = False,
    quantization: Annotated[
        str | None, typer.Option(help="The quantization. [default: the model's, or a smaller one that fits]")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with sizes in bytes.")] = False,
) -> None:
    """Show which models fit this machine, or one you describe, in which memory, and with how large a context.

    For one model also the command lines that serve it: llama-server, Ollama and `swe-agent models serve`.
    The exit code is 0 also when nothing fits.

    Example:  swe-agent models fit qwen3-coder-next --memory 64GB --unified
    """
    from agent.ui.models.fit import FitOptions, run_fit

    options = FitOptions(
        model=model or "",
        memory=memory or "",
        gpu_memory=gpu_memory or "",
        unified=unified,
        context=context,
        kv=kv,
        parallel=parallel,
        yarn=yarn,
        quantization=quantization,
    )
    raise typer.Exit(run_fit(options, as_json=as_json))
