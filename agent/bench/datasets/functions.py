"""Single functions with a bug, in HumanEvalPack's columns, as small repositories.

Each repository has the function and a test that shows the bug; a hidden script decides whether it is fixed.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

_MAX_CHARACTERS = 1 << 20
RAN_THROUGH = "every check of the hidden test ran through"
"""The last line of the hidden script's output; a function that exits the process prevents it."""


class FunctionRow(BaseModel):
    """A row: `buggy` is the whole module, or `declaration` and `buggy_solution` are its two parts."""

    model_config = ConfigDict(extra="ignore")

    task_id: str = Field(min_length=1, max_length=300)
    entry_point: str = Field(pattern=r"^[A-Za-z_]\w{0,100}$")
    buggy: str = Field("", max_length=_MAX_CHARACTERS)
    declaration: str = Field("", max_length=_MAX_CHARACTERS)
    buggy_solution: str = Field("", max_length=_MAX_CHARACTERS)
    example_test: str = Field(max_length=_MAX_CHARACTERS)
    test: str = Field(min_length=1, max_length=_MAX_CHARACTERS)

    @field_validator("task_id")
    @classmethod
    def _python(cls, value: str) -> str:
        language, slash, _ = value.partition("/")
        if slash and language.lower() != "python":
            raise ValueError(f"functions in {language} are not run, only those in Python")
        return value

    @model_validator(mode="after")
    def _has_code(self) -> FunctionRow:
        if not self.code.strip():
            raise ValueError("neither buggy nor declaration and buggy_solution are given")
        return self

    @property
    def code(self) -> str:
        """The module with the bug."""
        return (self.buggy or self.declaration + self.buggy_solution).strip("\n") + "\n"


def function_files(row: FunctionRow) -> dict[str, str]:
    """The repository: path → text."""
    name = row.entry_point
    body, call, _ = row.example_test.rpartition(f"check({name})")
    body = body if call else row.example_test
    shown = f"{_imports(name)}\n\n{body.strip()}\n\n\ndef test_{name}():\n    check({name})\n"
    return {f"{name}.py": row.code, f"test_{name}.py": shown}


def hidden_check(row: FunctionRow) -> dict[str, str]:
    """The hidden script that decides: path → text."""
    name = row.entry_point
    call = "" if f"\ncheck({name})" in row.test else f"\n\ncheck({name})"
    return {"hidden_check.py": f"{_imports(name)}\n\n{row.test.strip()}{call}\nprint({RAN_THROUGH!r})\n"}


def _imports(name: str) -> str:
    return f"from {name} import *\nfrom {name} import {name}\n"
