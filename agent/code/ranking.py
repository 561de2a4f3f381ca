"""Which definitions an issue is about: its words, the names it mentions, places given, and who uses whom.

First the files are ranked by their words (BM25) and the names they define; then the definitions in the best of them,
also by a PageRank that starts from what scored. Nothing depends on the order in which files were read.

The weights below are chosen, not fitted; docs/decisions/0015 has where the cause of 30 real issues came in with them,
and without each.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.code.definitions import Definition
from agent.code.languages import suffix
from agent.code.words import IDENTIFIER, parts

if TYPE_CHECKING:
    from agent.code.index import CodeIndex

_MAX_TEXT = 40_000
_MAX_WORDS = 120
_MAX_FILES = 120
_MAX_NODES = 4_000
_MAX_TARGETS = 20
_K1, _B = 1.2, 0.75
"""Of BM25, as they are used everywhere: how soon a word's further uses stop counting, and how much length does."""
_PATH_WORDS = 1.5
"""Of a file's score: a word in its path, in BM25 points of that word."""
_NAMED_PATH = 30.0
"""Of a file's score: its path stands in the text; more than words come to."""
_DEFINED_NAME = 3.0
"""Of a file's score: it defines a name of the text; times the name's weight and how rare that is."""
_FILE_SHARE = 0.3
"""Of a definition's score: what the best file gives its definitions. The matched share of the text's words is 1."""
_NAME_WORDS, _OWNER_WORDS = 2.0, 0.5
"""Of a definition's score: the matched share of words in its own name, and in those of what it is defined in."""
_NAME, _OWNER = 0.25, 0.15
"""Of a definition's score: the text has its name, or that of its class, as such; times the name's weight."""
_NO_FUNCTION = 0.5
"""What a variable or property keeps of its score."""
_CALLED = 0.5
"""The most that PageRank adds, where the best match by words has 1."""
_DAMPING = 0.6  # near what scored: the cause is a call or two away
_ROUNDS = 12
_RAN, _DID_NOT_RUN = 0.5, 0.3
"""What a function gains that ran, where the best match by words has 1, and what one keeps that did not."""
_SPAN = re.compile(r"`([^`\n]{1,200})`|```[^\n]{0,80}\n(.{0,8000}?)```", re.DOTALL)
_PATH = re.compile(r"[\w./\\-]{1,200}\.\w{1,5}\b")
_LIKE_CODE = re.compile(r"_|[a-z][A-Z]|[A-Z]{2}[a-z]")


@dataclass(frozen=True, slots=True)
class Ranked:
    """A definition, and how much speaks for it: 1.0 is what the best match by words alone has, 0.0 nothing."""

    definition: Definition
    score: float


@dataclass(frozen=True)
class Mentions:
    """What a text speaks of: words, names and paths, each with a weight."""

    words: Mapping[str, float]
    names: Mapping[str, float]
    paths: tuple[str, ...]


def mentions(text: str) -> Mentions:
    """The words, names and paths of an issue; what stands as code counts twice."""
    text = text[:_MAX_TEXT]
    code = {name for span in _SPAN.finditer(text) for name in IDENTIFIER.findall(span[1] or span[2] or "")}
    counts: dict[str, int] = defaultdict(int)
    for name in IDENTIFIER.findall(text):
        counts[name] += 1
    words: dict[str, float] = defaultdict(float)
    names: dict[str, float] = {}
    for name, count in counts.items():
        weight = (1 + math.log(count)) * (2.0 if name in code else 1.0)
        for word in parts(name):
            words[word] += weight
        names[name] = 2.0 if name in code else 1.5 if _LIKE_CODE.search(name) or f"{name}(" in text else 0.5
    best = sorted(words, key=lambda word: (-words[word], word))[:_MAX_WORDS]
    paths = {found.replace("\\", "/").lstrip("./") for found in _PATH.findall(text) if suffix(found)}
    return Mentions({word: words[word] for word in best}, names, tuple(sorted(paths)))


def rank(
    index: CodeIndex,
    text: str,
    seeds: Mapping[tuple[str, int], float] | None = None,
    limit: int = 20,
    exclude: Callable[[str], bool] = lambda path: False,
    executed: Collection[tuple[str, int]] = (),
) -> list[Ranked]:
    """The definitions that `text` is most likely about, best first.

    `seeds`: places (path, line) that something else points to, as a traceback does, with a weight beside the 1.0 of
    the best match by words. `executed`: the functions (path, a line in it) that ran when the problem showed, empty
    where that is not known. Files for which `exclude` holds are left out.
    """
    about = mentions(text)
    seeds = {place: weight for place, weight in (seeds or {}).items() if not exclude(place[0])}
    idf: dict[str, float] = {}
    files = _files(index, about, exclude, idf)
    best = sorted(files, key=lambda path: (-files[path], path))[:_MAX_FILES]
    ran = {place for place in executed if not exclude(place[0])}
    chosen = sorted({*best, *(path for path, _ in seeds), *(path for path, _ in ran)})
    base = _by_words(index, chosen, files, about, idf)
    top = max(base.values(), default=0.0) or 1.0
    scores = {each: score / top for each, score in base.items()}
    for (path, line), weight in sorted(seeds.items()):
        for each in {index.enclosing_definition(path, line), index.enclosing_function(path, line)} - {None}:
            if each is not None:
                scores[each] = scores.get(each, 0.0) + weight
    if ran:
        hit = {index.enclosing_function(path, line) for path, line in ran}
        scores = {each: score + _RAN if each in hit else score * _DID_NOT_RUN for each, score in scores.items()}
    nodes = sorted(scores, key=lambda each: (-scores[each], *_place(each)))[:_MAX_NODES]
    flow = _page_rank(_edges(index, nodes), [scores[each] for each in nodes])
    called = _CALLED / max(flow, default=1.0) if any(scores.values()) else 0.0  # where nothing matches, all have 0
    ranked = [(share, Ranked(each, scores[each] + called * share)) for each, share in zip(nodes, flow, strict=True)]
    ranked.sort(key=lambda pair: (-round(pair[1].score, 9), -round(pair[0], 9), *_place(pair[1].definition)))
    return [each for _, each in ranked[:limit]]


def _place(each: Definition) -> tuple[str, int, int, str]:
    return each.path, each.start, each.end, each.name


def _files(
    index: CodeIndex, about: Mentions, exclude: Callable[[str], bool], idf: dict[str, float]
) -> dict[str, float]:
    """Files by how well their words, paths and definitions match; `idf` is filled in for the words."""
    paths = [path for path in index.paths if not exclude(path)]
    if not paths:
        return {}
    kept = set(paths)
    average = sum(index.word_count(path) for path in paths) / len(paths) or 1.0
    scores = dict.fromkeys(paths, 0.0)
    for word, weight in sorted(about.words.items()):
        found = {path: times for path, times in index.files_with("w", word).items() if path in kept}
        idf[word] = weight * math.log(1 + (len(paths) - len(found) + 0.5) / (len(found) + 0.5))
        for path, times in found.items():
            norm = _K1 * (1 - _B + _B * index.word_count(path) / average)
            scores[path] += idf[word] * times * (_K1 + 1) / (times + norm)
    for path in paths:
        here = {word for name in IDENTIFIER.findall(path) for word in parts(name)}
        scores[path] += _PATH_WORDS * math.fsum(idf[word] for word in here if word in idf)
        if any(path == named or path.endswith(f"/{named}") or named.endswith(f"/{path}") for named in about.paths):
            scores[path] += _NAMED_PATH
    for name, weight in sorted(about.names.items()):
        defined = [path for path in index.files_with("d", name) if path in kept] if weight >= 1 else []
        for path in defined:
            scores[path] += _DEFINED_NAME * weight * math.log(1 + len(paths) / len(defined))
    return scores


def _by_words(
    index: CodeIndex, paths: list[str], files: Mapping[str, float], about: Mentions, idf: Mapping[str, float]
) -> dict[Definition, float]:
    """Definitions by their own words, their names, and some of their file's score."""
    top = max(files.values(), default=0.0) or 1.0
    found: dict[Definition, float] = {}
    whole = sum(idf.values()) or 1.0
    for path in paths:
        known = index.structure(path)
        share = _FILE_SHARE * files.get(path, 0.0) / top
        for each, own in zip(known.definitions, known.words, strict=True):
            matched = math.fsum(idf[word] for word in own if word in idf)
            score = matched / whole / (0.6 + 0.4 * len(own) / 40)
            named = [set(parts(name)) for name in each.name.split(".")]
            score += _NAME_WORDS * math.fsum(idf[word] for word in named[-1] if word in idf) / whole
            score += _OWNER_WORDS * math.fsum(idf[word] for name in named[:-1] for word in name if word in idf) / whole
            score += _NAME * about.names.get(each.short_name, 0.0)
            owner = each.name.rpartition(".")[0].rpartition(".")[2]
            score += _OWNER * about.names.get(owner, 0.0)
            found[each] = (score + share) * (_NO_FUNCTION if each.kind in {"variable", "property"} else 1.0)
    return found


def _edges(index: CodeIndex, nodes: list[Definition]) -> list[dict[int, float]]:
    """For each definition what it uses, by number, with weights that sum to 1."""
    numbers = {each: number for number, each in enumerate(nodes)}
    named: dict[str, list[int]] = defaultdict(list)
    for each, number in numbers.items():
        named[each.short_name].append(number)
    edges: list[dict[int, float]] = [{} for _ in nodes]
    for path in sorted({each.path for each in nodes}):
        known = index.structure(path)
        for name, lines in known.references.items():
            for line in lines if name in named else ():
                owner = known.owner(line)
                source = None if owner is None else numbers.get(known.definitions[owner])
                near = [number for number in named[name] if nodes[number].path == path] or named[name]
                if source is not None and len(near) <= _MAX_TARGETS:
                    for target in near:
                        if target != source:
                            edges[source][target] = 1.0 / len(near)
    for out in edges:
        total = math.fsum(out.values())
        for target in out:
            out[target] /= total
    return edges


def _page_rank(edges: list[dict[int, float]], start: list[float]) -> list[float]:
    """Where a walk along the edges is found that begins anew, at what scored, with probability 1 - damping."""
    total = math.fsum(start)
    begin = [value / total if total else 1 / len(start) for value in start]
    incoming: list[list[tuple[int, float]]] = [[] for _ in start]
    for source, out in enumerate(edges):
        for target, weight in out.items():
            incoming[target].append((source, weight))
    flow = begin
    for _ in range(_ROUNDS):
        lost = math.fsum(value for value, out in zip(flow, edges, strict=True) if not out)
        flow = [
            (1 - _DAMPING + _DAMPING * lost) * begin[number]
            + _DAMPING * math.fsum(flow[source] * weight for source, weight in incoming[number])
            for number in range(len(start))
        ]
    return flow
