"""What is read of a file, in every language and of any text."""

from __future__ import annotations

import random

import pytest

from agent.code.definitions import Structure
from agent.code.languages import LANGUAGES, grammar, language_of, query
from agent.code.structure import structure

PYTHON = """import a.b as c, d
from ..e import f as g, h

LIMIT: int = 1


@decorated(1)
class Shape(Base, metaclass=Meta):
    sides = 1

    @property
    async def area(self, scale: Scale[Unit] = one,
                   more=1) -> Area:
        def helper():
            return self.measure(scale)(key=weight)
        return helper


def top(): return Shape
"""
SAMPLES = {
    "a.js": """import x, {y as z} from './lib/y';
const w = require("w");
class Shape extends Base { area = () => 1; draw(pen) { pen.stroke(w); } }
export const make = async (size) => { return build(size); };
foo.prototype.bar = function() { baz(); };
""",
    "a.ts": """import { a } from './a';
export abstract class Shape<T> extends Base implements Drawn {
  @bound()
  private area(pen: Pen): Area { return this.measure(pen); }
}
interface Drawn { draw(): void }
type Alias = One | Two;
enum Colour { Red }
namespace inside { export function deep() {} }
""",
    "a.tsx": "export const View = (props: Props) => { return <Panel size={1}/>; };\n",
    "a.go": """package p
import ( "fmt"; x "lib/y" )
type Shape struct { Size int; *Base }
type Drawn interface { Draw(pen Pen) error }
const Limit = 1
func Make[T any](size Size) (Shape, error) { fmt.Println(size); return build(size), nil }
func (s *Shape) Area() { s.measure() }
""",
    "a.rs": """use lib::y::{c, d as e};
mod other;
#[derive(Debug)]
#[repr(C)]
pub struct Shape<T> { x: T }
trait Drawn: Base { fn draw(&self); }
impl<T> Drawn for Shape<T> { fn area(&self) -> Area { Foo::bar(x); shout!(loud) } }
const LIMIT: i32 = 1;
""",
    "a.java": """package a.b;
import c.d.E;
@Marked public class Shape extends Base implements Drawn {
  static final int LIMIT = 1;
  @Override
  public Area area(Pen pen) throws Lost { measure(pen); return new Area(); }
  Shape() {}
}
""",
    "a.c": """#include <stdio.h>
#include "lib/y.h"
#define LIMIT 1
struct shape { int size; };
typedef int (*drawer)(int);
static int *area(struct shape *s)
{
    return measure(s->size);
}
static const char *names[] = {"a"};
""",
    "a.cpp": """#include "lib/y.h"
namespace a::b {
template<class T> class Shape : public Base<T> { void draw() const; int area() { return measure(); } };
int Shape::size(const Pen& pen) { return a::build<int>(pen) + new Big(); }
}
""",
    "a.rb": """require 'json'
require_relative "lib/y"
module Draw
  class Shape < Base
    LIMIT = 1
    def self.make(size) = build(size)
    def area!
      measure 1
    end
  end
end
""",
    "a.php": """<?php
namespace A\\B;
use C\\D\\E as F;
require_once 'lib/y.php';
class Shape extends Base implements Drawn {
    const LIMIT = 1;
    public function area(Pen $pen): Area { $this->measure($pen); F::make(); return new Area(); }
}
function top() { build(); }
""",
    "a.cs": """using System.Text;
namespace A.B {
[Marked] public class Shape : Base, IDrawn {
    public int Size { get; set; }
    public Shape(int size) { }
    public int Area(Pen pen) => Measure(pen) + this.Make<int>(1);
}
}
""",
}
EXPECTED: dict[str, tuple[list[str], list[str]]] = {
    "a.js": (
        ["variable w 2-2", "class Shape 3-3", "method Shape.area 3-3", "method Shape.draw 3-3", "function make 4-4",
         "function bar 5-5"],
        ["Base", "stroke", "build", "baz", "w"],
    ),
    "a.ts": (
        ["class Shape 2-5", "method Shape.area 3-4", "interface Drawn 6-6", "method Drawn.draw 6-6", "type Alias 7-7",
         "enum Colour 8-8", "module inside 9-9", "function inside.deep 9-9"],
        ["Base", "Drawn", "Pen", "Area", "measure", "One", "Two"],
    ),
    "a.tsx": (["function View 1-1"], ["Props", "Panel"]),
    "a.go": (
        ["struct Shape 3-3", "interface Drawn 4-4", "method Drawn.Draw 4-4", "variable Limit 5-5", "function Make 6-6",
         "method Shape.Area 7-7"],
        ["Println", "build", "measure", "Size", "Base"],
    ),
    "a.rs": (
        ["struct Shape 3-5", "trait Drawn 6-6", "method Drawn.draw 6-6", "method Shape.area 7-7", "variable LIMIT 8-8"],
        ["Base", "Area", "bar", "shout", "loud"],
    ),
    "a.java": (
        ["class Shape 3-8", "variable Shape.LIMIT 4-4", "method Shape.area 5-6", "method Shape.Shape 7-7"],
        ["Marked", "Base", "Drawn", "measure", "Area", "Lost"],
    ),
    "a.c": (
        ["variable LIMIT 3-3", "struct shape 4-4", "type drawer 5-5", "function area 6-9", "variable names 10-10"],
        ["measure", "size", "shape"],
    ),
    "a.cpp": (
        ["class Shape 3-3", "method Shape.area 3-3", "function Shape.size 4-4"],
        ["Base", "measure", "build", "Big", "Pen"],
    ),
    "a.rb": (
        ["module Draw 3-11", "class Draw.Shape 4-10", "variable Draw.Shape.LIMIT 5-5", "method Draw.Shape.make 6-6",
         "method Draw.Shape.area! 7-9"],
        ["Base", "build", "measure"],
    ),
    "a.php": (
        ["class Shape 5-8", "variable Shape.LIMIT 6-6", "method Shape.area 7-7", "function top 9-9"],
        ["Base", "Drawn", "Pen", "Area", "measure", "make", "F", "build"],
    ),
    "a.cs": (
        ["class Shape 3-7", "property Shape.Size 4-4", "method Shape.Shape 5-5", "method Shape.Area 6-6"],
        ["Base", "IDrawn", "Pen", "Measure", "Make", "Marked"],
    ),
}  # fmt: skip


def placed(known: Structure) -> list[str]:
    return [f"{each.kind} {each.name} {each.start}-{each.end}" for each in known.definitions]


def test_python_is_read_with_its_decorators_signatures_and_nesting() -> None:
    known = structure("pkg/a.py", PYTHON.encode())
    assert placed(known) == [
        "variable LIMIT 4-4",
        "class Shape 7-16",
        "variable Shape.sides 9-9",
        "method Shape.area 11-16",
        "function Shape.area.helper 14-15",
        "function top 19-19",
    ]
    area = known.definitions[3]
    assert (area.path, area.short_name, area.column, area.is_function) == ("pkg/a.py", "area", 4, True)
    assert area.signature == "async def area(self, scale: Scale[Unit] = one, more=1) -> Area"
    assert known.definitions[1].signature == "class Shape(Base, metaclass=Meta)"
    assert {"decorated", "Base", "Meta", "Scale", "Unit", "one", "measure", "scale", "weight", "helper"} <= {
        *known.references
    }
    assert known.references["Shape"] == (19,)  # its own definition is no use of it
    assert known.owner(15) == 4 and known.owner(16) == 3 and known.owner(1) is None and known.owner(99) is None


@pytest.mark.parametrize("path", SAMPLES)
def test_definitions_and_uses_are_read(path: str) -> None:
    known = structure(path, SAMPLES[path].encode())
    definitions, used = EXPECTED[path]
    assert placed(known) == definitions
    assert set(used) <= set(known.references)
    assert all(each.signature and "\n" not in each.signature for each in known.definitions)


@pytest.mark.parametrize("language", sorted({*LANGUAGES.values()}))
def test_every_language_has_a_grammar_and_a_query(language: str) -> None:
    assert query(language).pattern_count > 5
    assert grammar(language).node_kind_count > 50


def test_a_header_is_read_as_what_it_holds() -> None:
    assert language_of("a.h", b"struct s { int a; };\n") == "c"
    assert language_of("a.h", b"#pragma once\nnamespace x { int y; }\n") == "cpp"


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("a.txt", b"def f(): pass\n"),
        ("a.py", b"def f(): pass\n\0"),
        ("a.py", b"def f(): pass\n" + b"#" * (1 << 20)),
        ("a.js", b"function f(){};" * 10_000),
        ("a.py", b""),
    ],
    ids=["unknown", "binary", "huge", "minified", "empty"],
)
def test_what_is_no_source_has_no_structure(path: str, data: bytes) -> None:
    assert structure(path, data) == Structure()


def test_a_file_with_errors_gives_what_can_be_read() -> None:
    known = structure("a.py", b"def first():\n    pass\n\ndef broken(:\n\ndef last():\n    return first()\n")
    assert {"first", "last"} <= {each.name for each in known.definitions}


def test_bytes_that_are_no_text_and_other_line_ends_keep_the_lines() -> None:
    known = structure("a.py", b"# caf\xe9\r\ndef one():\r\n    pass\r\n\r\n\r\ndef zwei_\xc3\xa4():\r\n    one()\r\n")
    assert placed(known) == ["function one 2-3", "function zwei_ä 6-7"]


@pytest.mark.parametrize("end", ["py", "js", "cpp", "rb", "rs", "php", "cs", "go", "java", "tsx"])
@pytest.mark.parametrize("piece", ["[", "f(", "a<", "if x:\n ", "class a {", "'", "def a(): ", "{,", "x ? "], ids=repr)
def test_text_made_to_be_slow_or_deep_is_read_within_bounds(end: str, piece: str) -> None:
    known = structure(f"a.{end}", (piece * 3_000 + "\n").encode())
    assert len(known.definitions) <= 3_000 and all(len(each.name) < 2_000 for each in known.definitions)


def test_a_node_with_endless_children_is_left_alone() -> None:
    assert structure("a.py", b"[\n" * 60_000).definitions == ()
    wide = "x = [\n" + "    name,\n" * 8_000 + "]\n\ndef after():\n    return x\n"
    assert placed(structure("a.py", wide.encode()))[-1] == "function after 8004-8005"


@pytest.mark.parametrize("end", sorted(LANGUAGES))
def test_any_bytes_are_read(end: str) -> None:
    chance = random.Random(end)
    for _ in range(5):
        structure(f"a{end}", bytes(chance.choices(b"(){}[]<>;:,.=+-*/'\"\\\n abcdefif class\xc3\xff", k=400)))


def test_words_of_a_definition_are_those_of_its_own_lines() -> None:
    known = structure("a.py", b"class Outer:\n    alpha = 1\n    def inner(self):\n        beta_gamma()\n")
    own = dict(zip((each.name for each in known.definitions), known.words, strict=True))
    assert own["Outer"] == ("outer",) and "alpha" in own["Outer.alpha"]
    assert own["Outer.inner"] == ("inner", "beta_gamma", "beta", "gamma")
    assert known.counts["beta"] == 1
