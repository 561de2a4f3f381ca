"""`swe-agent models serve`: the bundled runtime as a server for other programs."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

_MODEL = "A name from `swe-agent models list`, or the path of a .gguf file. [default: qwen2.5-coder-1.5b]"


def serve_model(  # noqa: PLR0913 - one parameter an option
    model: Annotated[str | None, typer.Argument(help=_MODEL)] = None,
    context: Annotated[
        int | None,
        typer.Option(min=256, help="Context window of each slot, in tokens. [default: as large as memory allows]"),
    ] = None,
    parallel: Annotated[int, typer.Option(min=1, max=64, help="Number of slots, each with the whole context.")] = 2,
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on; 0 is any free one.")] = 8080,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    kv_type: Annotated[
        Literal["f16", "q8_0", "q4_0"], typer.Option(help="Type of the KV cache: a smaller one needs less memory.")
    ] = "f16",
    yarn: Annotated[
        bool, typer.Option("--yarn", help="Extend the window beyond the trained one, to --context, by YaRN.")
    ] = False,
    quantization: Annotated[
        str | None, typer.Option(help="Another quantization than the model's default.", show_default=False)
    ] = None,
    api_key: Annotated[
        str | None, typer.Option(help="An API key that every request must carry.", envvar="SWE_AGENT_SERVE_API_KEY")
    ] = None,
) -> None:
    """Serve a model on this machine to this and other programs, with an OpenAI-compatible API.

    Downloads the model first if needed. Runs until Ctrl-C (exit code 130) or SIGTERM (0); 2 when the port is taken,
    3 when the server can't start or dies.

    Example:  swe-agent models serve qwen3-coder-30b --context 65536
    """
    from agent.bundled.plan import DEFAULT_MODEL, ServeOptions
    from agent.ui.models.serve import run_serve

    options = ServeOptions(
        model=model or DEFAULT_MODEL,
        context=context,
        parallel=parallel,
        host=host,
        port=port,
        kv_type=kv_type,
        yarn=yarn,
        quantization=quantization,
        api_key=api_key or "",
    )
    raise typer.Exit(run_serve(options))
