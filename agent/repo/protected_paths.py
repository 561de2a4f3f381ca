"""Paths that run something on other machines, or steer an agent, an editor or git, and so stay out of a patch.

A patch may change them only where their names are allowed. Names are compared as the most lenient file system would:
without case, compatibility forms, ignorable characters, trailing dots and spaces, and NTFS streams. What a build or a
test run executes (`Makefile`, `package.json`) is not here: fixes change it, and it runs in the sandbox.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

DATA_DIRECTORIES = frozenset({".changes", ".changeset", ".changelog", ".well-known"})
"""Directories with a dot, at the top, that hold only data; any other one there is some tool's configuration."""

_CI = """
    .github .gitlab .gitlab-ci .gitlab-ci*.yml .gitlab-ci*.yaml .circleci .gitea .forgejo .woodpecker .woodpecker.yml
    .woodpecker.yaml .drone.yml .drone.yaml .drone.jsonnet .drone.star jenkinsfile jenkinsfile.* *.jenkinsfile .jenkins
    azure-pipelines*.yml azure-pipelines*.yaml .azure-pipelines .azuredevops .pipelines bitbucket-pipelines.yml
    bitbucket-pipelines.yaml .travis.yml .travis.yaml appveyor.yml .appveyor.yml .buildkite .cirrus.yml .cirrus.star
    .semaphore .teamcity .builds .build.yml .tekton cloudbuild.yaml cloudbuild.yml cloudbuild.json buildspec*.yml
    buildspec*.yaml appspec.yml appspec.yaml codeship-*.yml .harness .ci bamboo-specs screwdriver.yaml codefresh.yml
    .codefresh wercker.yml .taskcluster.yml .zuul.yaml .zuul.d zuul.d .evergreen.yml .kokoro .mergify.yml .mergify
    renovate.json renovate.json5 .renovaterc .renovaterc.json .renovaterc.json5 dependabot.yml dependabot.yaml
    bors.toml .readthedocs.yml .readthedocs.yaml netlify.toml vercel.json render.yaml heroku.yml .sourcehut
"""
_HOOKS = """
    .husky .githooks .git-hooks githooks git-hooks .hooks .pre-commit-config.yaml .pre-commit-config.yml
    .pre-commit-hooks.yaml prek.toml lefthook*.yml lefthook*.yaml lefthook*.toml lefthook*.json .lefthook .lefthook*.*
    .lefthook-local .overcommit.yml .lintstagedrc .lintstagedrc.* lint-staged.config.* .simple-git-hooks.*
    simple-git-hooks.* captainhook.json .captainhook.json grumphp.yml grumphp.yaml
"""
_EDITORS = """
    .vscode .idea .run .fleet .zed .vs .nova .settings .project .theia .helix .vim .nvim *.code-workspace
    *.sublime-project .exrc .nvimrc .nvim.lua .vimrc .lvimrc .local.vimrc .dir-locals.el .dir-locals-2.el .kakrc
    .devcontainer .devcontainer.json devcontainer.json devfile.yaml .devfile.yaml .gitpod.yml .gitpod.yaml
    .gitpod.dockerfile .idx .replit replit.nix .codesandbox .stackblitzrc
"""
_SHELLS = """
    .envrc .envrc.* .env .autoenv .autoenv.zsh .mise .mise.toml .mise.*.toml mise.toml mise.*.toml .rtx.toml
    devbox.json devenv.nix .gdbinit .lldbinit .pdbrc .pdbrc.py .irbrc .pryrc .rprofile .renviron .ghci .iex.exs
    .ocamlinit .npmrc .yarnrc .yarnrc.yml .yarn .pnpmfile.cjs .pnpmfile.mjs .pnpmfile.js .cargo .mvn .bazelrc
"""
_GIT = ".gitattributes .gitconfig .lfsconfig codeowners"
_AGENTS = """
    agents.md agents.*.md agent.md claude.md claude.*.md gemini.md qwen.md codex.md crush.md warp.md replit.md skill.md
    .claude .cursor .cursorrules .cursorignore .windsurf .windsurfrules .cline .clinerules .clineignore .clinerules-*
    .roo .roomodes .roorules .roorules-* .rooignore .rules .goose .goosehints .goosehints.* .aider* .continue
    .continuerules .continuerc.json .codex .gemini .geminiignore .qwen .kiro .amazonq .junie .trae .augment
    .augment-guidelines .augmentignore .openhands .openhands_instructions .opencode opencode.json opencode.jsonc
    .mcp .mcp.json mcp.json mcp.jsonc copilot-instructions.md *.instructions.md *.prompt.md *.chatmode.md *.agent.md
    .skills .agents .agent .ai .crush .crush.json crush.json .warp .swe-agent .swe-agent.toml .codebuddy .factory
    .devin .zencoder .kilocode .kilocodemodes .kilocoderules .lingma .void .pearai .copilot
"""
PROTECTED_NAMES = tuple(" ".join((_CI, _HOOKS, _EDITORS, _SHELLS, _GIT, _AGENTS)).split())
"""Names, some with `*`, of files and directories at any depth, in lower case."""

_EXACT = frozenset(name for name in PROTECTED_NAMES if "*" not in name)
_PATTERNS = tuple(name for name in PROTECTED_NAMES if "*" in name)
_SHORT_NAME = re.compile(r"~\d+(\.|$)")  # of FAT and NTFS: `GITHUB~1` is `.github` there
_STREAM = re.compile(r":.*$", re.DOTALL)
# what HFS+ and others ignore in names, beside the category Cf
_IGNORABLE = frozenset([*map(chr, range(0xFE00, 0xFE10)), *map(chr, range(0xE0100, 0xE01F0)), "\u034f", "\u115f",
                        "\u1160", "\u3164", "\uffa0", "\u17b4", "\u17b5"])  # fmt: skip


def is_protected(path: str) -> bool:
    """Whether a path, relative to the repository and with `/`, is one that runs or steers something."""
    names = [_folded(part) for part in PurePosixPath(path).parts]
    if len(names) > 1 and names[0].startswith(".") and names[0] not in DATA_DIRECTORIES:
        return True
    return any(_is_protected_name(name) for name in names)


def _is_protected_name(name: str) -> bool:
    return name in _EXACT or bool(_SHORT_NAME.search(name)) or any(fnmatchcase(name, pattern) for pattern in _PATTERNS)


def _folded(name: str) -> str:
    """One spelling for all that some file system takes for the same name."""
    visible = "".join(
        char for char in name if unicodedata.category(char) not in {"Cf", "Cc"} and char not in _IGNORABLE
    )
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", visible).casefold())
    return _STREAM.sub("", folded).rstrip(". \u00a0").lstrip(" ")


def is_allowed(path: str, patterns: Sequence[str]) -> bool:
    """Whether one of the patterns names the path, or a directory that it is in.

    A pattern is a path from the repository's root, in the path's exact spelling; `*` and `?` stand for characters of a
    name, `**` for any directories. As in a shell, none of them stands for the dot at the beginning of a name.
    """
    parts = PurePosixPath(path).parts
    return any(_matches(parts, tuple(each for each in pattern.split("/") if each not in {"", "."}))
               for pattern in patterns)  # fmt: skip


def _matches(parts: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    if not pattern or not parts:
        return False
    hidden = parts[0].startswith(".")
    if pattern[0] == "**":
        rest = pattern[1:] or ("*",)
        return _matches(parts, rest) or (not hidden and _matches(parts[1:], pattern))
    if not fnmatchcase(parts[0], pattern[0]) or (hidden and not pattern[0].startswith(".")):
        return False
    if len(pattern) > 1:
        return _matches(parts[1:], pattern[1:])
    named = not set(pattern[0]) & set("*?[")
    return named or not any(part.startswith(".") for part in parts[1:])
