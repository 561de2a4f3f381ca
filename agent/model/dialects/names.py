"""Aliases of tools and arguments that models trained with other harnesses write."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable

_TOOL_ALIASES: dict[str, str] = {
    "shell": "bash execute_bash run_command run_commands run_shell_command run_terminal_cmd run_in_terminal "
    "execute_command terminal terminal_command exec exec_command execute run_bash bash_command local_shell "
    "sh cmd console",
    "edit_file": "str_replace_editor str_replace_based_edit_tool str_replace replace replace_in_file edit "
    "edit_existing_file search_replace search_and_replace string_replace update_file modify_file",
    "read_file": "view view_file open open_file cat read show_file get_file file_read read_text_file",
    "write_file": "create_file create write write_to_file create_new_file new_file save_file file_write",
    "apply_patch": "patch apply_diff diff apply_unified_diff",
    "search": "grep find grep_search search_files search_file_content search_code search_text find_in_files ripgrep rg "
    "code_search search_dir",
    "run_tests": "test tests run_test pytest run_pytest execute_tests",
    "submit": "finish done attempt_completion complete task_complete final_answer end submit_solution finish_task",
}
_ARGUMENT_ALIASES: dict[str, str] = {
    "path": "file_path file filename filepath file_name target_file absolute_path relative_path directory dir",
    "command": "cmd bash_command shell_command script commands",
    "old": "old_string old_str old_text search find original search_text old_content",
    "new": "new_string new_str new_text replace replacement replace_with new_content",
    "content": "contents text file_text file_content file_contents code body",
    "pattern": "regex query regexp search search_pattern search_term keyword text",
    "glob": "include file_pattern file_glob include_pattern",
    "max_results": "limit max_count head_limit max_matches",
    "patch": "diff input patch_text patch_content unified_diff",
    "start_line": "start line_start from_line first_line start_line_number begin_line",
    "end_line": "end line_end to_line last_line end_line_number",
    "target": "test test_path test_file tests path file",
    "timeout_seconds": "timeout timeout_secs timeout_sec timeout_s",
    "summary": "message result answer description final_answer",
    "replace_all": "all replace_all_occurrences",
}
_PREFIX = re.compile(r"\A(?:functions?|tools?|default_api|namespace|api)(?:\.|::|/|:)", re.IGNORECASE)
_NOT_ALPHANUMERIC = re.compile(r"[^a-z0-9]+")
_MIN_RATIO = 0.87  # of difflib, 0 to 1: one letter wrong in eight
_MIN_LEAD = 0.05  # of the best ratio over the second: less is a guess


def normalized(name: str) -> str:
    """A name without what differs between conventions: `readFile`, `read-file`, `functions.read_file` are the same."""
    return _NOT_ALPHANUMERIC.sub("", _PREFIX.sub("", name).lower())


def _by_alias(table: dict[str, str]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for wanted, others in table.items():
        for other in others.split():
            found.setdefault(normalized(other), set()).add(wanted)
    return {name: frozenset(wanted) for name, wanted in found.items()}


_TOOLS_BY_ALIAS = _by_alias(_TOOL_ALIASES)
_ARGUMENTS_BY_ALIAS = _by_alias(_ARGUMENT_ALIASES)


def resolve_tool(name: str, tools: Iterable[str]) -> str | None:
    """The one of `tools` that `name` means: by itself, by another convention, as an alias, or by the closest spelling;
    None when there is none, or more than one."""
    known = list(tools)
    if name in known:
        return name
    return _resolve(name, known, _TOOLS_BY_ALIAS)


def resolve_argument(name: str, missing: Collection[str]) -> str | None:
    """The one of the `missing` arguments that `name` means, by the same rules."""
    return _resolve(name, list(missing), _ARGUMENTS_BY_ALIAS)


def _resolve(name: str, known: list[str], meanings: dict[str, frozenset[str]]) -> str | None:
    plain = normalized(name)
    if not plain:
        return None
    for found in (
        [each for each in known if normalized(each) == plain],
        [each for each in known if each in meanings.get(plain, ())],
    ):
        if found:
            return found[0] if len(found) == 1 else None
    return None if plain in meanings else _closest(plain, known)


def _closest(plain: str, known: list[str]) -> str | None:
    """The name with the closest spelling; None when none is close, or a second one is about as close."""
    if len(plain) > 64:
        return None
    ratios = sorted(
        ((difflib.SequenceMatcher(None, plain, normalized(each)).ratio(), each) for each in known), reverse=True
    )
    if not ratios or ratios[0][0] < _MIN_RATIO:
        return None
    return None if len(ratios) > 1 and ratios[0][0] - ratios[1][0] < _MIN_LEAD else ratios[0][1]
