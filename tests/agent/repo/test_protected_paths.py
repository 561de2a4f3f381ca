"""Which paths run or steer something, in every spelling, and which patterns allow them."""

from __future__ import annotations

import pytest

from agent.repo.protected_paths import PROTECTED_NAMES, is_allowed, is_protected

PROTECTED = """
    .gitlab-ci.yml .circleci/config.yml .gitea/workflows/a.yml .forgejo/workflows/a.yml Jenkinsfile ci/Jenkinsfile.release
    azure-pipelines.yml azure-pipelines-nightly.yaml .husky/pre-commit .pre-commit-config.yaml .vscode/tasks.json .idea/x
    .envrc .devcontainer/devcontainer.json .devcontainer.json .claude/settings.json .cursor/rules/a.mdc AGENTS.md
    packages/web/AGENTS.md packages/web/.vscode/settings.json CLAUDE.md .github/workflows/ci.yml .github .travis.yml
    .buildkite/pipeline.yml .woodpecker.yml .drone.yml .cargo/config.toml crates/a/.cargo/config.toml .npmrc .yarnrc.yml
    .mcp.json lefthook.yml a.code-workspace .pdbrc .gdbinit .swe-agent.toml .tool-nobody-knows/config .gitattributes
    docs/CODEOWNERS .aider.conf.yml .env mise.toml prompts/fix.prompt.md .clinerules .clinerules/a.md
    hooks/pre-commit hooks/commit-msg.sh hooks/update scripts/git/hooks/post-checkout tools/pre-push .huskyrc
    .huskyrc.json husky.config.js sub/.hg/hgrc .hg/hgrc .svn/x sub/.jj/config action.yml setup/action.yaml
    azure-pipelines/build.yml cloudbuild.yaml cloudbuild-release.yaml circle.yml jenkins/release.groovy
    jenkins/jobs/a.groovy mise/config.toml mise/conf.d/a.toml mise/tasks/build sub/.config/mise/config.toml
    .config/mise/config.toml .tool-versions sub/.tool-versions .vimspector.json .ycm_extra_conf.py IFLOW.md
    .coderabbit.yaml .sweep.yaml .buildkite.yml ci/deploy.gitlab-ci.yml templates/a.gitlab-ci.yaml .lefthookrc lefthook
    lefthook-local.json AGENTS.txt claude.local.md agents.override.md QWEN.markdown
"""
ORDINARY = """
    src/app.py tests/test_app.py Makefile package.json setup.py pyproject.toml .gitignore .editorconfig .python-version
    .eslintrc.json .changeset/brave-cats.md .changelog/12.txt .well-known/security.txt README.md src/agents.py
    agents/base.py tests/fixtures/.hidden/data.txt docs/github.md env.py .env.example src/idea/x.py jenkins.py ci/build.py
    a~b.txt notes~.txt Dockerfile
    src/hooks/useState.ts hooks/index.js hooks/update.php src/pre-commit/main.py precommit.py src/jenkins/client.py
    src/mise/parse.py src/actions.yml update src/config/mise.py docs/agents-guide.md src/skill.py docs/cursor.md
    src/cloud/build.yaml src/warp.rs hooks/pre_gen_project.py .golangci.yml .clang-format
"""


@pytest.mark.parametrize(
    "path",
    PROTECTED.split(),
)
def test_what_runs_or_steers_something_is_protected(path: str) -> None:
    assert is_protected(path)


@pytest.mark.parametrize(
    "path",
    [
        ".GITHUB/x", ".github./x", ".github /x", ".github../x", ".git\u200chub/x", ".gi\ufe0fthub/x", ".github::$DATA/x",
        ".github:x/y", "\uff0egithub/x", ".GitLab-CI.YML", "JENKINSFILE", "jenkinsfile.", "Agents.MD", "AGENTS.md ",
        "agents.md\u00a0", "A\u200dGENTS.md", "\uff21GENTS.md", ".hus\u212ay/pre-commit", "agent\u017f.md", "GITHUB~1/x",
        "AGENTS~1.MD", "a/GITHUB~2/x", "AGENT\u00adS.md", "AGENTS.md\x01", "AGENTS.md/x", ".vscode.../tasks.json",
        ".\U000e0067github/x", ".git\u202ehub/x",
    ],
)  # fmt: skip
def test_other_spellings_are_protected(path: str) -> None:
    assert is_protected(path)


@pytest.mark.parametrize(
    "path",
    ORDINARY.split(),
)
def test_ordinary_files_are_not(path: str) -> None:
    assert not is_protected(path)


def test_the_names_are_in_their_folded_form() -> None:
    assert [name for name in PROTECTED_NAMES if name != name.lower()] == []
    assert sorted({name for name in PROTECTED_NAMES if PROTECTED_NAMES.count(name) > 1}) == []


@pytest.mark.parametrize(
    ("path", "pattern", "allowed"),
    [
        (".github/workflows/ci.yml", ".github", True),
        (".github/workflows/ci.yml", ".github/", True),
        (".github/workflows/ci.yml", "./.github/workflows", True),
        (".github/workflows/ci.yml", ".github/workflows/*.yml", True),
        (".github/workflows/ci.yml", ".github/**", True),
        (".github/workflows/ci.yml", ".github/*.yml", False),
        (".github/workflows/ci.yml", "*", False),
        (".github/workflows/ci.yml", "**", False),
        (".github/workflows/ci.yml", ".git", False),
        (".github/workflows/ci.yml", "workflows", False),
        (".GitHub/workflows/ci.yml", ".github", False),
        (".github./ci.yml", ".github", False),
        ("AGENTS.md", "AGENTS.md", True),
        ("agents.md", "AGENTS.md", False),
        ("a/AGENTS.md", "AGENTS.md", False),
        ("a/AGENTS.md", "**/AGENTS.md", True),
        ("AGENTS.md", "**/AGENTS.md", True),
        ("a/b/AGENTS.md", "a", True),
        ("a/.vscode/x", "**", False),
        ("a/.vscode/x", "a/.vscode", True),
        ("AGENTS.md", "", False),
        ("AGENTS.md", "/", False),
    ],
)
def test_a_pattern_allows_what_it_names_and_what_is_below(path: str, pattern: str, allowed: bool) -> None:
    assert is_allowed(path, [pattern]) is allowed
