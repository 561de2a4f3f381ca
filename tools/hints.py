"""Hints for commands that fail because a terminal, input, a program or a module is missing."""

from __future__ import annotations

import difflib
import re
import shlex

from sandbox.protocol import ExecResult
from tools.base import ToolContext

_MAX_OUTPUT = 2000  # characters at the end of an output that are searched
_MAX_COMMAND = 2000  # characters of a command that are searched
_MIN_SIMILARITY = 0.75  # of program names, as difflib's ratio from 0 to 1
_START = r"(?:^|[;&|(\n][ \t]*)(?:\w+=\S* +)*"

_EDITOR = "no editor can be used here: change files with edit_file or write_file"
_BY_COMMAND = (
    (_START + r"git\s[^;&|\n]*\brebase\s(?:[^;&|\n]*\s)?(?:-i|--interactive)\b",
     "no editor opens here, so git took its list of commits as it was: "
     "use git reset --soft and commit again, or set GIT_SEQUENCE_EDITOR to a sed command"),
    (_START + r"git\s+(?:add|checkout|restore|reset|commit|stash)\s(?:[^;&|\n'\"]*\s)?"
     r"(?:-[pi]|--patch|--interactive)\b",
     "git can't ask here, so nothing was chosen: name the files, or git apply a patch"),
    (_START + r"(?:vim?|nvim|nano|emacs|pico|ed|code)\s", _EDITOR),
    (_START + r"(?:top|htop|watch)\b", "nothing refreshes here: use ps, or top -b -n 1"),
)  # fmt: skip
"""Commands that need a terminal, whatever they print, with the hint."""

_BY_OUTPUT = (
    (r"aborting commit due to empty commit message|please supply the message using either -m",
     "no editor opens here: give the message with -m"),
    (r"terminal prompts disabled|could not read (?:username|password)|password( for .*)?: ?$|a password is required"
     r"|a terminal is required|permission denied \(publickey|host key verification failed|authentication failed",
     "nobody can type a password here, and there are no credentials: do without what asks for one"),
    (r"\[y/n\]|\(y/n\)|\[yes/no\]|do you want to continue|proceed\?|is this ok|are you sure|overwrite\?",
     "nobody answers questions here: use -y, --yes or --force, or pipe the answer in with `yes |`"),
    (r"eof when reading a line|error reading input|unexpected eof.*stdin|eof(?:error)?: .*stdin|^aborted!$",
     "there is no input here: pipe it in (printf 'answer\\n' | ...), or use options (-y, --no-input) or a file"),
    (r"not a tty|not a terminal|not (?:from|to) a terminal|inappropriate ioctl for device|error opening terminal"
     r"|is not a tty|cannot open terminal|terminal is not|setupterm",
     "there is no terminal here: use options, files or a pipe instead of an interactive program"),
)  # fmt: skip
"""What commands print when they fail because they need a terminal or input, with the hint."""

_READS_INPUT = re.compile(
    _START + r"(?:read\b[^;&|]*|(?:python3?|node|irb|bc|sqlite3|psql|mysql|ghci)(?:\s+-[iu])*)\s*$"
)
_NO_PROGRAM = re.compile(r"(?:^|: )([^\s:/]{1,100}): command not found$|\bsh: \d+: ([^\s:/]{1,100}): not found$", re.M)
_NO_MODULE = re.compile(r"No module named '?([\w.]+)'?|Cannot find module '([^'.][^']*)'")
_SUBSTITUTES = {
    "python": ("python3",), "python3": ("python",), "pip": ("pip3",), "pip3": ("pip",),
    "py.test": ("pytest",), "pytest": ("python3 -m pytest",), "node": ("nodejs",), "nodejs": ("node",),
    "rg": ("grep",), "ag": ("grep",), "ack": ("grep",), "fd": ("find",), "fdfind": ("find",), "tree": ("find",),
    "xxd": ("od",), "hexdump": ("od",), "curl": ("wget",), "wget": ("curl",), "jq": ("python3 -m json.tool",),
    "gcc": ("cc", "clang"), "cc": ("gcc", "clang"), "gmake": ("make",), "bat": ("cat",), "gawk": ("awk",),
}  # fmt: skip
"""Programs that do the same under another name."""
_EDITORS = {"vi", "vim", "nvim", "nano", "emacs", "pico", "ed", "code", "micro"}


def terminal_hint(command: str, text: str, result: ExecResult) -> str:
    """What to do instead of a command that needs a terminal or input; empty if it does not."""
    command = command[:_MAX_COMMAND].strip()
    for pattern, hint in _BY_COMMAND:
        if re.search(pattern, command):
            return hint
    tail = text[-_MAX_OUTPUT:].lower()
    if not result.ok:
        for pattern, hint in _BY_OUTPUT:
            if re.search(pattern, tail, re.MULTILINE):
                return hint
    if not text.strip() and _READS_INPUT.search(command):
        return "there was nothing to read: give a script or -c, pipe input in, or use a file"
    return ""


async def missing_hint(context: ToolContext, text: str) -> str:
    """What is available instead of a program or module that an output says is missing; empty if it says nothing such.

    Raises `SandboxLost`.
    """
    tail = text[-_MAX_OUTPUT:]
    if found := _NO_PROGRAM.search(tail):
        return await _program_hint(context, found[1] or found[2])
    if found := _NO_MODULE.search(tail):
        return await _module_hint(context, found[1] or found[2])
    return ""


async def _program_hint(context: ToolContext, name: str) -> str:
    if name in _EDITORS:
        return _EDITOR
    if name in {"sudo", "su", "doas"}:
        return f"{name} is not installed here, and nobody becomes root: run the command without it"
    listed = await context.sandbox.exec("compgen -c | sort -u", timeout=30, capture=1 << 20)
    programs = [each for each in listed.output.text().splitlines() if each[:1].isalnum()]
    known = [each for each in _SUBSTITUTES.get(name, ()) if each.split()[0] in programs]
    close = difflib.get_close_matches(name, [each for each in programs if each != name], 3, _MIN_SIMILARITY)
    available = list(dict.fromkeys([*known, *close]))[:3]
    nearest = f"nearest installed: {', '.join(available)}" if available else "nothing with a like name is"
    return f"{name} is not installed here; {nearest}"


async def _module_hint(context: ToolContext, name: str) -> str:
    top = re.split(r"[./]", name, maxsplit=1)[0]
    quoted = shlex.quote(top)
    command = (
        f"find . -maxdepth 4 \\( -name .git -o -name node_modules \\) -prune -o "
        f"\\( -type d -name {quoted} -o -name {quoted}.py \\) -print | head -n 3"
    )
    found = (await context.sandbox.exec(command, timeout=30)).output.text().split("\n")
    paths = [path.removeprefix("./") for path in found if path.strip()]
    if not paths:
        return f"{top} is not installed here; do without it, or use what the repository's own code and tests import"
    above = paths[0].rpartition("/")[0] or "."
    return (
        f"{name} is not found, but the repository has {paths[0]}: run from {above}, or put {above} on the import path"
    )
