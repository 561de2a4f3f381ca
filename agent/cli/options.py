"""The options that set a setting, the same for every command: their types on the command line and their help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Option

from agent import setting_descriptions as text

# Values that `agent.config.Settings` checks are plain here, so that its error names where a value came from.
Model = Annotated[str | None, Option("--model", help=text.MODEL)]
BaseUrl = Annotated[str | None, Option("--base-url", help=text.BASE_URL)]
ApiKey = Annotated[str | None, Option("--api-key", help=text.API_KEY)]
Context = Annotated[int | None, Option("--context", help=text.CONTEXT)]
SandboxKind = Annotated[str | None, Option("--sandbox", help=text.SANDBOX)]
Image = Annotated[str | None, Option("--image", help=text.IMAGE)]
Setup = Annotated[str | None, Option("--setup", help=text.SETUP)]
Test = Annotated[str | None, Option("--test", help=text.TEST)]
TestTimeout = Annotated[str | None, Option("--test-timeout", help=text.TEST_TIMEOUT)]
Network = Annotated[str | None, Option("--network", help=text.NETWORK)]
AllowHost = Annotated[
    list[str] | None, Option("--allow-host", metavar="PATTERN", help=f"{text.ALLOW_HOSTS} Can be repeated.")
]
Strategy = Annotated[str | None, Option("--strategy", help=text.STRATEGY)]
Attempts = Annotated[int | None, Option("--attempts", help=text.ATTEMPTS)]
MaxSteps = Annotated[int | None, Option("--max-steps", help=text.MAX_STEPS)]
TimeLimit = Annotated[str | None, Option("--time-limit", help=text.TIME_LIMIT)]
MaxTokens = Annotated[int | None, Option("--max-tokens", help=text.MAX_TOKENS)]
Output = Annotated[str | None, Option("--output", help=text.OUTPUT)]
PatchFile = Annotated[Path | None, Option("--patch-file", help=text.PATCH_FILE)]
KeepWorkspace = Annotated[
    bool | None, Option("--keep-workspace/--no-keep-workspace", help=text.KEEP_WORKSPACE, show_default=False)
]
AllowWorkflows = Annotated[
    bool | None, Option("--allow-workflows/--no-allow-workflows", help=text.ALLOW_WORKFLOWS, show_default=False)
]
AllowPath = Annotated[list[str] | None, Option("--allow-path", metavar="PATTERN", help=text.ALLOW_PATH)]
Seed = Annotated[int | None, Option("--seed", help=text.SEED)]
Temperature = Annotated[float | None, Option("--temperature", help=text.TEMPERATURE)]
JsonLines = Annotated[bool, Option("--json", help="Events as JSON lines on standard output.")]
