"""Paths that run something on other machines, or steer an agent, an editor or git, and so stay out of a patch.

A patch may change them only where their names are allowed. Names are compared as the most lenient file system would:
without case, compatibility forms, ignorable characters, trailing dots and spaces, and NTFS streams. What a build or a
test run executes (`Makefile`, `package.json`) is not here: fixes change it, and it runs in the sandbox.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from fnmatch import fnmatchcase, translate
from pathlib import PurePosixPath

DATA_DIRECTORIES = frozenset({".changes", ".changeset", ".changelog", ".well-known"})
"""Directories with a dot, at the top, that hold only data; any other one there is some tool's configuration."""

_CI = """
    .github *.github-ci.yml .gitlab .gitlab-ci *gitlab-ci*.yml *gitlab-ci*.yaml .circleci* circle.yml circle.yaml .gitea
    .forgejo .woodpecker* .drone.* .drone jenkinsfile jenkinsfile.* *.jenkinsfile .jenkins* azure-pipelines*
    .azure-pipelines* .azuredevops* .pipelines bitbucket-pipelines* .travis* appveyor*.yml appveyor*.yaml .appveyor*
    .buildkite* buildkite.yml buildkite.yaml .cirrus* .semaphore* .teamcity .builds .build.yml .build.yaml .tekton
    cloudbuild*.yaml cloudbuild*.yml cloudbuild*.json .cloudbuild* buildspec*.yml buildspec*.yaml appspec.yml
    appspec.yaml codeship-*.yml .harness .ci
    bamboo-specs screwdriver.yaml codefresh*.yml .codefresh* wercker.yml .taskcluster* .zuul* zuul.d zuul.yaml
    .evergreen* evergreen.yml .kokoro .mergify* renovate.json renovate.json5 .renovaterc* dependabot.yml dependabot.yaml
    bors.toml .readthedocs* netlify.toml vercel.json render.yaml heroku.yml .sourcehut action.yml action.yaml
"""
_REVIEWERS = """
    .coderabbit* coderabbit.yaml coderabbit.yml .sweep.* sweep.yaml sweep.yml .ellipsis* ellipsis.yaml greptile.json
    .greptile* .pr_agent* .codiumai* .qodo* .sourcery* .korbit* .bito* .deepsource* .graphite* .gitstream* .kodiak*
    .probot* .dosu*
"""
_HOOKS = """
    .husky* husky.config.* .githooks .git-hooks githooks git-hooks .hooks .pre-commit-config.* .pre-commit-hooks.*
    prek.toml lefthook* .lefthook* .overcommit* .lintstagedrc* lint-staged.config.* .simple-git-hooks.*
    simple-git-hooks.* captainhook.json .captainhook* grumphp.yml grumphp.yaml
"""
_EDITORS = """
    .vscode .idea .run .fleet .zed .vs .nova .settings .project .theia .helix .vim .nvim *.code-workspace
    *.sublime-project .exrc .nvimrc* .nvim.* .vimrc* .gvimrc _vimrc .lvimrc .local.vimrc .vimspector* .ycm_extra_conf.*
    .ideavimrc .dir-locals*.el .projectile .kakrc .devcontainer* devcontainer.json devfile.yaml .devfile.yaml .gitpod*
    .idx .replit* replit.nix .codesandbox* .stackblitzrc
"""
_SHELLS = """
    .envrc .envrc.* .env .autoenv .autoenv.* .mise* mise.toml mise.*.toml mise-tasks .rtx* .tool-versions .asdfrc
    .config devbox.json devenv.nix .gdbinit .lldbinit* .pdbrc .pdbrc.py .irbrc .pryrc .rprofile .renviron .ghci .iex.exs
    .ocamlinit .npmrc .yarnrc* .yarn .pnpmfile.* .cargo .mvn .bazelrc
"""
_REPOSITORIES = """
    .gitattributes .gitconfig .lfsconfig codeowners .hg .hgrc hgrc .sl .jj .svn .bzr _darcs .pijul .arcconfig .gitreview
"""
_AGENTS = """
    .claude* .cursor* .windsurf* .cline* .roo .roomodes .roorules* .rooignore .rules .goose* .aider* .continue*
    .codex* .gemini* .qwen* .iflow* .kiro .amazonq .junie .trae .augment* .openhands* .opencode* opencode.json
    opencode.jsonc .mcp .mcp.json mcp.json mcp.jsonc copilot-instructions.md *.instructions.md *.prompt.md *.chatmode.md
    *.agent.md .skills .agents .agent .ai .crush* crush.json .warp .swe-agent* .codebuddy* .factory .devin .zencoder
    .kilocode* .lingma .void .pearai .copilot* .kimi* .jules .rovodev .tabnine* .codeium* .cody .amp
"""
PROTECTED_NAMES = tuple(" ".join((_CI, _REVIEWERS, _HOOKS, _EDITORS, _SHELLS, _REPOSITORIES, _AGENTS)).split())
"""Names, some with `*`, of files and directories at any depth, in lower case."""

_EXACT = frozenset(name for name in PROTECTED_NAMES if "*" not in name)
_PATTERN = re.compile("|".join(translate(name) for name in PROTECTED_NAMES if "*" in name))
_INSTRUCTIONS = re.compile(
    r"(agents?|claude|gemini|qwen|codex|crush|warp|replit|skill|iflow|kimi|jules|windsurf|opencode|openhands|codebuddy"
    r"|kilocode|rovodev)(\..*)?\.(md|mdc|mdx|markdown|txt)"
)
"""The instructions that agents read, each program under its own name."""
_IN_DIRECTORIES = (
    (re.compile(r"jenkins"), re.compile(r".*\.(groovy|jenkinsfile|ya?ml|xml)")),
    (re.compile(r"mise"), re.compile(r".*\.toml|tasks")),
    (re.compile(r".*hooks"), re.compile(r"(update|proc-receive|reference-transaction)")),
)
"""Names that count only anywhere below a directory of such a name."""
_GIT_HOOK = re.compile(
    r"((pre|post)-(commit|applypatch|checkout|merge|push|receive|rebase|rewrite|update|auto-gc|merge-commit|index-change)"
    r"|applypatch-msg|prepare-commit-msg|commit-msg|push-to-checkout|sendemail-validate|fsmonitor-watchman"
    r"|p4-(changelist|prepare-changelist|post-changelist|pre-submit))(\.(sh|bash|py|rb|pl|js|cjs|mjs|ts|cmd|bat|ps1|exe))?"
)
"""git's hooks (githooks(5)), which `core.hooksPath` looks for in any directory."""
_SHORT_NAME = re.compile(r"~\d+(\.|$)")  # of FAT and NTFS: `GITHUB~1` is `.github` there
_STREAM = re.compile(r":.*$", re.DOTALL)
# what HFS+ and others ignore in names, beside the category Cf
_IGNORABLE = frozenset([*map(chr, range(0xFE00, 0xFE10)), *map(chr, range(0xE0100, 0xE01F0)), "\u034f", "\u115f",
                        "\u1160", "\u3164", "\uffa0", "\u17b4", "\u17b5"])  # fmt: skip


def is_protected(path: str) -> bool:
    """Whether a path, relative to the repository and with `/`, is one that runs or steers something."""
    names = [folded(part) for part in PurePosixPath(path).parts]
    if len(names) > 1 and names[0].startswith(".") and names[0] not in DATA_DIRECTORIES:
        return True
    if any(_is_protected_name(name) for name in names) or (names and _GIT_HOOK.fullmatch(names[-1])):
        return True
    return any(
        directory.fullmatch(above) and inside.fullmatch(name)
        for directory, inside in _IN_DIRECTORIES
        for at, above in enumerate(names)
        for name in names[at + 1 :]
    )


def _is_protected_name(name: str) -> bool:
    return (
        name in _EXACT
        or _PATTERN.match(name) is not None
        or _INSTRUCTIONS.fullmatch(name) is not None
        or _SHORT_NAME.search(name) is not None
    )


def folded(name: str) -> str:
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
