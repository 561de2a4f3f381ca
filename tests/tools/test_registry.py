"""The tools are those of the contract, and a wrong call is answered with what is right."""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import Any, ClassVar

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field

from sandbox.protocol import ExecResult, Output, Workspace
from tools.base import Arguments, Observation, ToolContext, ToolError
from tools.registry import DEFAULT_TOOLS, OPTIONAL_TOOLS, Registry

# docs: "The tools the model sees" of the contract
CONTRACT = {
    "read_file": (["path"], ["start_line", "end_line"]),
    "search": (["pattern"], ["path", "glob", "max_results"]),
    "edit_file": (["path", "old", "new"], ["replace_all"]),
    "write_file": (["path", "content"], []),
    "apply_patch": (["patch"], []),
    "shell": (["command"], ["timeout_seconds"]),
    "run_tests": ([], ["target", "timeout_seconds"]),
    "submit": (["summary"], []),
}
TYPES = {
    "start_line": "integer", "end_line": "integer", "max_results": "integer", "replace_all": "boolean",
    "timeout_seconds": "number", "references": "boolean",
}  # fmt: skip


class EchoArguments(Arguments):
    """Arguments of `echo`."""

    text: str = Field(description="any text")
    times: int = Field(1, description="how often")
    loud: bool = Field(False, description="louder")


class Echo:
    """Says what it was given."""

    name: ClassVar[str] = "echo"
    description: ClassVar[str] = "Echo."
    arguments: ClassVar[type[Arguments]] = EchoArguments
    reads_only: ClassVar[bool] = True

    async def run(self, context: ToolContext, arguments: EchoArguments) -> Observation:
        if arguments.text == "refuse":
            raise ToolError("refused as asked")
        return Observation(repr((arguments.text, arguments.times, arguments.loud)))


class NoSandbox:
    """A sandbox that holds nothing: what can be found out before a command runs needs none."""

    kind = "none"
    workspace = Workspace(PurePosixPath("/workspace"))

    async def exec(self, command: str, **options: Any) -> ExecResult:
        return ExecResult(0, Output(b""))

    async def revive(self) -> None: ...

    async def network(self, on: bool) -> None: ...

    async def close(self, *, keep: bool) -> None: ...


def echo(arguments: str) -> Observation:
    return anyio.run(Registry([Echo()]).run, ToolContext(NoSandbox()), "echo", arguments)


def call(name: str, arguments: str) -> Observation:
    return anyio.run(Registry().run, ToolContext(NoSandbox()), name, arguments)


def test_names_and_arguments_are_those_of_the_contract() -> None:
    schemas = [schema["function"] for schema in Registry().schemas()]
    assert [schema["name"] for schema in schemas] == list(CONTRACT)
    for schema in schemas:
        required, optional = CONTRACT[schema["name"]]
        assert schema["parameters"]["required"] == required
        assert list(schema["parameters"]["properties"]) == required + optional


def test_every_argument_is_plain_and_described() -> None:
    for schema in Registry(DEFAULT_TOOLS + OPTIONAL_TOOLS).schemas():
        assert schema["type"] == "function" and schema["function"]["description"]
        parameters = schema["function"]["parameters"]
        assert set(parameters) == {"type", "properties", "required"} and parameters["type"] == "object"
        for name, node in parameters["properties"].items():
            assert list(node) == ["type", "description"]
            assert node["type"] == TYPES.get(name, "string") and node["description"]


def test_schemas_are_the_same_bytes_every_time() -> None:
    first = json.dumps(Registry().schemas())
    assert first == json.dumps(Registry().schemas()) == json.dumps(Registry(DEFAULT_TOOLS).schemas())


def test_extra_tools_come_beside_those_of_the_contract() -> None:
    registry = Registry(DEFAULT_TOOLS + OPTIONAL_TOOLS)
    assert registry.names == [*CONTRACT, "outline", "find_symbol", "plan", "undo"]
    assert [name for name in registry.names[8:] if registry.reads_only(name)] == ["outline", "find_symbol"]


def test_what_every_prompt_has_to_say_about_tools_is_short() -> None:
    assert len(json.dumps(Registry(DEFAULT_TOOLS + OPTIONAL_TOOLS).schemas())) < 5_000


def test_only_looking_leaves_the_workspace_as_it_is() -> None:
    registry = Registry()
    assert [name for name in registry.names if registry.reads_only(name)] == ["read_file", "search"]
    assert registry.reads_only("no_such_tool")


def test_an_unknown_tool_is_answered_with_the_one_meant() -> None:
    seen = call("readfile", "{}")
    assert not seen.ok
    assert "no tool 'readfile'. Did you mean read_file?" in seen.text
    assert "The tools: read_file, search, edit_file" in seen.text


def test_an_unknown_tool_like_none_is_answered_with_all() -> None:
    seen = call("browse_web", "{}")
    assert not seen.ok and "Did you mean" not in seen.text and "submit" in seen.text


def test_missing_arguments_are_named_with_the_expected_shape() -> None:
    seen = call("edit_file", '{"path": "a.py"}')
    assert not seen.ok
    assert "old: Field required; new: Field required" in seen.text
    assert "Expected {path: string, old: string, new: string, replace_all: boolean (optional)}" in seen.text
    assert seen.text.endswith("Nothing was done.")


def test_a_misspelt_argument_is_named() -> None:
    seen = call("read_file", '{"path": "a.py", "startline": 3}')
    assert not seen.ok and "startline: Extra inputs are not permitted" in seen.text


@pytest.mark.parametrize("arguments", ["", "{", "[]", "null", '"text"', "3", "not json"])
def test_arguments_that_are_no_json_object_are_answered_with_the_shape(arguments: str) -> None:
    seen = call("submit", arguments)
    assert not seen.ok
    assert seen.text.startswith("the arguments of submit are wrong: ")
    assert "Expected {summary: string}" in seen.text


@pytest.mark.parametrize("arguments", ["[" * 50_000, '{"a":' * 5_000, '{"text": ' + "1" * 5_000 + "}"])
def test_arguments_of_a_model_in_a_loop_are_answered_too(arguments: str) -> None:
    assert "the arguments of echo are wrong" in echo(arguments).text


def test_numbers_and_truths_in_strings_are_taken() -> None:
    assert echo('{"text": "a", "times": "3", "loud": "true"}').text == "('a', 3, True)"


def test_a_number_where_text_is_wanted_is_taken_as_text() -> None:
    assert echo('{"text": 12}').text == "('12', 1, False)"


def test_what_can_not_be_a_number_is_refused() -> None:
    seen = echo('{"text": "a", "times": "three"}')
    assert not seen.ok and "times: Input should be a valid integer" in seen.text


def test_what_a_tool_refuses_is_the_observation() -> None:
    assert echo('{"text": "refuse"}') == Observation("refused as asked", ok=False)


def test_paths_stay_in_the_workspace() -> None:
    context = ToolContext(NoSandbox())
    assert str(context.resolve_path("a/../b.py")) == "/workspace/repo/b.py"
    assert str(context.resolve_path(" ")) == "/workspace/repo"
    assert str(context.resolve_path("/workspace/home/x")) == "/workspace/home/x"
    assert context.display_path(context.resolve_path("a/./b")) == "a/b"
    assert context.display_path(context.resolve_path("/workspace/home/x")) == "/workspace/home/x"
    for outside in ("../../etc/passwd", "/etc/passwd", "/workspace/../etc", "/workspace2/x", "/"):
        with pytest.raises(ToolError, match="outside the workspace"):
            context.resolve_path(outside)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["text", "times", "x"]), inner),
    max_leaves=5,
)


@settings(derandomize=True, deadline=None, database=None, max_examples=60)
@given(arguments=JSON.map(json.dumps) | st.text(max_size=20))
def test_any_arguments_are_run_or_answered(arguments: str) -> None:
    seen = echo(arguments)
    assert seen.ok == seen.text.startswith("(") or seen.text == "refused as asked"
