"""How long it takes to index a repository of 10,000 files, with an empty and with a full cache.

`python benchmarks/index.py` makes such a repository of ten languages from a seed, in a temporary directory, and
prints both figures with the machine's; it exits with 1 when they are above 30 s and 300 ms of one core.
`--files N --seed N` for other ones; `--wall` judges by the clock instead of by CPU time.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

COLD_SECONDS, WARM_SECONDS = 30.0, 0.3
NOUNS = """
    account basket buffer cache channel client cursor document event field filter frame graph handler header index
    item journal key layer ledger limit message model node order packet page parser path price queue record request
    result route rule schema scope server session shape signal source state stream table task token tree value view
""".split()
VERBS = """
    add build check close copy count drain emit fetch find flush join load merge open parse read send split
""".split()
# ruff: noqa: E501, SIM905
BODY = {
    "py": (
        "    def {name}(self, {a}, {b}=None):\n        \"\"\"Give the {a} of a {b}.\"\"\"\n"
        "        if {b} is None:\n            {b} = self.{other}({a})\n        return {call}({a}, {b})[{n}]\n\n"
    ),
    "js": (
        "  {name}({a}, {b}) {{\n    // the {a} of a {b}\n    if (!{b}) {{ {b} = this.{other}({a}); }}\n"
        "    return {call}({a}, {b})[{n}];\n  }}\n\n"
    ),
    "ts": (
        "  {name}({a}: {type}, {b}?: number): {type} {{\n    const found = this.{other}({a});\n"
        "    if (!found) {{ throw new Error('{a}'); }}\n    return {call}(found, {b} ?? {n});\n  }}\n\n"
    ),
    "go": (
        "func (t *{type}) {Name}({a} int, {b} string) (int, error) {{\n\tfound, err := t.{Other}({a}, {b})\n"
        "\tif err != nil {{\n\t\treturn {n}, err\n\t}}\n\treturn {call}(found), nil\n}}\n\n"
    ),
    "rs": (
        "    pub fn {name}(&self, {a}: u32, {b}: &str) -> Option<{type}> {{\n        let found = self.{other}({a}, {b})?;\n"
        "        if found.len() > {n} {{ return None; }}\n        Some({call}(found))\n    }}\n\n"
    ),
    "java": (
        "    public {type} {name}(int {a}, String {b}) {{\n        if ({b} == null) {{ return this.{other}({n}, \"\"); }}\n"
        "        // the {a} of a {b}\n        return {call}({a}, {b});\n    }}\n\n"
    ),
    "c": (
        "static int {name}(struct {type} *{a}, int {b})\n{{\n    if ({b} > {n})\n        return {other}({a}, {b} - 1);\n"
        "    return {call}({a}->{b}, {n});\n}}\n\n"
    ),
    "cpp": (
        "    int {name}(const {type}& {a}, int {b}) const {{\n        if ({b} > {n}) {{ return {other}({a}, {b} - 1); }}\n"
        "        return {call}<int>({a}.{b}(), {n});\n    }}\n\n"
    ),
    "rb": (
        "  def {name}({a}, {b} = nil)\n    {b} ||= {other}({a})\n    raise ArgumentError unless {b}\n"
        "    {call}({a}, {b})[{n}]\n  end\n\n"
    ),
    "php": (
        "    public function {name}(int ${a}, ?string ${b} = null): {type} {{\n        $found = $this->{other}(${a});\n"
        "        if ($found === null) {{ return new {type}({n}); }}\n        return {call}($found, ${b});\n    }}\n\n"
    ),
    "cs": (
        "    public {type} {name}(int {a}, string {b}) {{\n        if ({b} == null) {{ return this.{other}({n}, \"\"); }}\n"
        "        return {call}({a}, {b});\n    }}\n\n"
    ),
}  # fmt: skip
FRAME = {
    "py": ("from {module} import {call}\n\n\nclass {type}:\n", ""),
    "js": ("import {{ {call} }} from './{module}';\n\nexport class {type} {{\n", "}\n"),
    "ts": ("import {{ {call} }} from './{module}';\n\nexport class {type} {{\n", "}\n"),
    "go": ('package {module}\n\nimport "fmt"\n\ntype {type} struct {{\n\tsize int\n}}\n\n', ""),
    "rs": ("use crate::{module}::{call};\n\npub struct {type} {{ size: u32 }}\n\nimpl {type} {{\n", "}\n"),
    "java": ("package {module};\nimport {module}.{type};\n\npublic class {type} {{\n", "}\n"),
    "c": ('#include "{module}.h"\n\nstruct {type} {{ int size; }};\n\n', ""),
    "cpp": ('#include "{module}.hpp"\n\nnamespace {module} {{\nclass {type} {{\npublic:\n', "};\n}\n"),
    "rb": ("require '{module}'\n\nclass {type}\n", "end\n"),
    "php": ("<?php\nuse {module}\\{type};\n\nclass {type} {{\n", "}\n"),
    "cs": ("using {module};\n\nnamespace {module} {{\npublic class {type} {{\n", "}\n}\n"),
}


def main() -> None:
    """Make the repository, index it, print the times; exits with 1 above the limits."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--wall", action="store_true", help="judge by the clock")
    parser.add_argument("--once", nargs=2, type=Path, metavar=("REPOSITORY", "CACHE"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.once:
        print(*time_once(*given.once))
        return
    with tempfile.TemporaryDirectory(prefix="swe-agent-index-") as scratch:
        repository = make(Path(scratch, "repo"), given.files, given.seed)
        size, lines = measure(repository)
        cache = Path(scratch, "cache.sqlite")
        print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
        print(f"{given.files} files, {size / 1e6:.1f} MB, {lines} lines; seed {given.seed}")
        cold = timed(repository, cache)
        warm = min((timed(repository, cache) for _ in range(5)), key=lambda each: each[given.wall])
        print(f"cache on disk {cache.stat().st_size / 1e6:8.1f} MB")
    names = ("CPU", "clock")
    for what, seconds, limit in (("cold", cold, COLD_SECONDS), ("warm", warm, WARM_SECONDS)):
        shown = ", ".join(f"{value:7.3f} s {name}" for name, value in zip(names, seconds, strict=True))
        print(f"{what}  {shown}  (limit {limit:g} s, {names[given.wall]})")
    if cold[given.wall] > COLD_SECONDS or warm[given.wall] > WARM_SECONDS:
        sys.exit("too slow")


def make(directory: Path, files: int, seed: int) -> Path:
    """A git repository with one commit of generated sources, about 90 lines each."""
    chance = random.Random(seed)
    languages = list(BODY)
    for number in range(files):
        end = languages[number % len(languages)]
        folder = directory / chance.choice(NOUNS) / chance.choice(NOUNS)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{chance.choice(NOUNS)}_{number}.{end}").write_text(source(end, chance))
    git = ["git", "-C", str(directory), "-c", "user.name=b", "-c", "user.email=b@localhost", "-c", "gc.auto=0"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "made"], check=True)
    return directory


def source(end: str, chance: random.Random) -> str:
    """One file: a type with some functions that call others."""

    def name() -> str:
        return f"{chance.choice(VERBS)}_{chance.choice(NOUNS)}_{chance.randrange(200)}"

    def values() -> dict[str, str | int]:
        a, b = chance.sample(NOUNS, 2)
        own, other = name(), name()
        kind = "".join(part.capitalize() for part in chance.sample(NOUNS, 2))
        return {
            "name": own, "Name": own.title(), "other": other, "Other": other.title(), "call": name(), "a": a, "b": b,
            "type": kind, "n": chance.randrange(100), "module": chance.choice(NOUNS),
        }  # fmt: skip

    begin, finish = FRAME[end]
    bodies = [BODY[end].format(**values()) for _ in range(chance.randrange(8, 20))]
    return begin.format(**values()) + "".join(bodies) + finish


def measure(repository: Path) -> tuple[int, int]:
    """The bytes and lines of a repository's sources."""
    texts = [each.read_bytes() for each in repository.rglob("*.*") if ".git" not in each.parts and each.is_file()]
    return sum(map(len, texts)), sum(text.count(b"\n") for text in texts)


def timed(repository: Path, cache: Path) -> tuple[float, float]:
    """CPU seconds, including git's, and wall seconds until an index in a new process has answered a question."""
    command = [sys.executable, __file__, "--once", str(repository), str(cache)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    cpu, clock = map(float, done.stdout.split())
    return cpu, clock


def time_once(directory: Path, cache: Path) -> tuple[float, float]:
    """What `timed` measures, in this process, without the time of the imports."""
    import agent.code.structure  # noqa: F401 - imported before the clock starts
    from agent.code.index import CodeIndex
    from agent.repo.host import HostRepository

    repository = HostRepository.open(directory)
    cpu, clock = cpu_seconds(), time.perf_counter()
    index = CodeIndex(cache, repository)
    index.refresh()
    definition = index.definitions_in(index.paths[len(index.paths) // 2])[-1]
    assert definition in index.definitions(definition.name)
    return cpu_seconds() - cpu, time.perf_counter() - clock


def cpu_seconds() -> float:
    """The CPU time of this process and its children."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


if __name__ == "__main__":
    main()
