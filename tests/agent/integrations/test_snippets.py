"""Pieces of files in three formats, and commands for a shell: they read back as what they were made of."""

from __future__ import annotations

import json
import subprocess
import tomllib

from hypothesis import given
from hypothesis import strategies as st

from agent.integrations.snippets import as_json, as_toml, as_yaml, commands

PRINTABLE = st.text(st.sampled_from("ab 1/.:#=[]{}'\"\\`$%é漢😀"))


@given(st.dictionaries(PRINTABLE, PRINTABLE | st.integers() | st.booleans() | st.none()))
def test_what_is_written_as_json_reads_back(values: dict[str, object]) -> None:
    written = as_json(values)
    assert json.loads(written) == values
    assert written.endswith("\n")


@given(st.dictionaries(st.sampled_from(["a", "b_c", "d"]), PRINTABLE | st.integers(0, 2**53)))
def test_what_is_written_as_toml_reads_back(values: dict[str, str | int]) -> None:
    assert tomllib.loads(as_toml(values)) == values


def test_yaml_nests_mappings_and_lists_of_them() -> None:
    value = {"a": [{"b": 1, "c": [{"d": True}]}, {"e": {"f g": "h: #i"}}]}
    assert as_yaml(value) == (
        'a:\n  - b: 1\n    c:\n      - d: true\n  - e:\n      "f g": "h: #i"\n'
    )  # fmt: skip


def test_a_shell_runs_the_command_with_the_variables() -> None:
    snippet = commands({"WORDS": "two words; $HOME 'quoted'", "OTHER": ""}, 'printf "%s|%s" "$WORDS" "$OTHER"', "why")
    assert (snippet.title, snippet.language) == ("then run (why)", "sh")
    printed = subprocess.run(["sh", "-c", snippet.text], capture_output=True, text=True, check=True).stdout
    assert printed == "two words; $HOME 'quoted'|"
