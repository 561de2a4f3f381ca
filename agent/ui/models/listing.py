"""`swe-agent models list`: the catalogue as a table."""

from __future__ import annotations

from agent.catalogue.download import on_disk
from agent.catalogue.profiles import DEFAULT_MODEL, GENERIC, load_catalogue


def print_models() -> None:
    """Print the catalogue's models on standard output, smallest first."""
    from rich.console import Console
    from rich.table import Table

    table = Table("name", "quantization", box=None, pad_edge=False)
    for heading in ("size", "on disk", "strategy", "window"):
        table.add_column(heading, justify="right" if heading in ("size", "window") else "left")
    for profile in load_catalogue():
        if profile.name == GENERIC:
            continue
        file = profile.gguf_file()
        table.add_row(
            profile.name + (" (default)" if profile.name == DEFAULT_MODEL else ""),
            profile.default_quantization or "",
            f"{file.bytes / 1e9:.1f} GB" if file else "",
            "yes" if on_disk(profile) else "no",
            profile.strategy,
            f"{profile.window:,}" if profile.window else "",
        )
    Console().print(table)
