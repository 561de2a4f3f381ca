"""Syntax errors are told with their line, and only those that an edit made."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from agent.code.syntax import SyntaxProblem, new_errors, syntax_errors

GOOD = {
    "a.py": "def f(a, *, b: int = 1) -> str:\n    match a:\n        case [1, *_]:\n            return f'{b!r:>{a}}'\n",
    "a.js": "const f = async (a) => { for await (const b of a) { yield_(b?.c ?? `${d}`); } };\n",
    "a.ts": "export type A<T> = { [K in keyof T]?: T[K] };\nfunction f(this: A<B>, x = <C>y): asserts x is D {}\n",
    "a.tsx": "export const V = () => <><A b={c}>text {d}</A></>;\n",
    "a.go": "package p\n\nfunc F[T any](a ...T) (b int, err error) {\n\tdefer func() { recover() }()\n\treturn\n}\n",
    "a.rs": "pub async fn f<'a, T: Into<u8>>(a: &'a mut T) -> Result<(), E> { a.b()?; Ok(()) }\n",
    "a.java": "record A<T>(T a) { static int f(int... b) { return switch (b.length) { case 1 -> 2; default -> 3; }; } }\n",
    "a.c": "#define M(a) a\nstatic inline int f(const int a[static 1]) { return a[0] ? M(1) : 2; }\n",
    "a.cpp": "template <typename T> auto f(T&& a) -> decltype(a.b()) { return [&](auto x) { return x; }(a); }\n",
    "a.rb": "class A < B\n  def f(a, *b, c: 1, **d, &e)\n    puts <<~X\n      #{a}\n    X\n  end\nend\n",
    "a.php": "<p><?php function f(?int $a, string ...$b): ?array { return [...$b, 'a' => $a?->c]; } ?></p>\n",
    "a.cs": 'public class A<T> where T : new() { public int B { get; init; } = 1; async Task F() => await G($"{B}"); }\n',
}


@pytest.mark.parametrize("path", GOOD)
def test_what_is_right_has_no_errors(path: str) -> None:
    assert syntax_errors(path, GOOD[path]) == []


@pytest.mark.parametrize("path", GOOD)
def test_what_is_cut_short_has_errors(path: str) -> None:
    text = GOOD[path]
    cut = text[: text.rindex("}")] if path != "a.rb" else text[: text.rindex("end")]
    cut = cut.replace(")", "", 1) if path == "a.py" else cut
    assert syntax_errors(path, cut)


def test_the_line_its_text_and_what_is_wrong_are_told() -> None:
    assert syntax_errors("a.py", "x = 1\ndef f(:\n    pass\n") == [SyntaxProblem(2, "def f(:", "missing )")]
    (problem,) = syntax_errors("a.py", "x = (1,\ny = 2\n")
    assert str(problem) == "line 1: not closed: (: x = (1,"
    (problem,) = syntax_errors("a.java", "class A { void f() { int x = 1 } }")
    assert problem.message == "missing ;"
    (problem,) = syntax_errors("a.go", "package p\nfunc f() {\n x := 1\n\n\n")
    assert problem == SyntaxProblem(3, "x := 1", "missing }")


def test_indentation_of_python_is_told() -> None:
    (problem,) = syntax_errors("a.py", "def f():\nreturn 1\n")
    assert problem.line == 2 and "indented block" in problem.message
    (problem,) = syntax_errors("a.py", "def f():\n    a = 1\n   b = 2\n")
    assert problem.line == 3


def test_unknown_languages_and_text_out_of_bounds_have_none() -> None:
    assert syntax_errors("a.txt", "def f(:") == []
    assert syntax_errors("Makefile", "((((") == []
    assert syntax_errors("a.py", "(" * (2 << 20)) == []


def test_only_new_errors_are_told() -> None:
    before = "x = = 1\n\n\ndef f():\n    return 1\n"
    assert new_errors("a.py", before, "import os\n" + before) == []
    assert new_errors("a.py", before, before.replace("x = = 1", "x = 1")) == []
    (problem,) = new_errors("a.py", before, before.replace("return 1", "return )"))
    assert problem.line == 5
    assert new_errors("old.py", "print 'a'\nb = 1\n", "print 'a'\nb = 2\n") == []


def test_faults_are_bounded() -> None:
    faults = syntax_errors("a.js", "let = ; if ( { \n" * 2_000)
    assert 0 < len(faults) <= 20 and all(len(problem.text) <= 120 for problem in faults)


@pytest.mark.parametrize("path", GOOD)
def test_any_text_is_taken(path: str) -> None:
    chance = random.Random(path)
    for _ in range(10):
        syntax_errors(path, "".join(chance.choices("(){}[];:'\"\\\n aé\ud800def", k=300)))


def test_our_own_code_has_no_errors() -> None:
    for place in sorted((Path(__file__).parents[3] / "agent").glob("*.py")):
        assert syntax_errors(place.name, place.read_text("utf-8")) == []
