"""Text from elsewhere (issues, comments, AGENTS.md) without what its reader on a forge does not see.

A model reads the source, a person the page. What only the source has is taken out: comments and other HTML that is
not rendered, attributes, characters without a shape, definitions of links, the texts of images, titles, the info
strings of fences. Which lines are code is CommonMark's to say (markdown-it). Code stays, with what can't be seen there
written out. Everywhere, tags of our own prompts and control tokens of chat templates are broken up (`control_tokens`).
"""

from __future__ import annotations

import bisect
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agent.forge.control_tokens import break_control_tokens
from agent.text import visible, without_unseen

if TYPE_CHECKING:
    from markdown_it.token import Token

_LANGUAGE = re.compile(r"[\w+#.-]{1,20}")
_COMMENT_END = re.compile(r"--!?>|\Z")
_COMMENT = re.compile(r"<!--.*?(?:--!?>|\Z)", re.DOTALL)
_QUOTED = r"\"[^\"]{0,2000}\"|'[^']{0,2000}'"
# inline: what CommonMark takes for a tag; all else is shown as it stands
_INLINE_TAG = re.compile(
    rf"<(/?[A-Za-z][A-Za-z0-9-]{{0,200}})"
    rf"((?:\s{{1,20}}[A-Za-z_:][\w.:-]{{0,200}}(?:\s{{0,20}}=\s{{0,20}}(?:{_QUOTED}|[^\s\"'=<>`]{{1,2000}}))?){{0,300}})"
    r"\s{0,20}/?>"
)
# in a block of HTML: what a browser does
_BLOCK_TAG = re.compile(rf"<(/?[A-Za-z][^\s/<>]{{0,200}})((?:{_QUOTED}|[^\"'<>]){{0,2000}})(?:>|\Z)")
_UNRENDERED = re.compile(
    r"<(script|style|template|noscript|title|textarea|iframe|noembed|noframes|xmp|plaintext)\b[^>]{0,2000}>"
    r".*?(?:</\1\s*>|\Z)"
    r"|<\?.*?(?:\?>|\Z)|<!\[CDATA\[.*?(?:\]\]>|\Z)|<![A-Za-z].*?(?:>|\Z)",
    re.DOTALL | re.IGNORECASE,
)
_KEPT_ATTRIBUTE = re.compile(r"\b(href|src)\s*=\s*(\"[^\"\s]*\"|'[^'\s]*'|[^\s\"'>]+)", re.IGNORECASE)
_MAX_TAG_NAME = 20
_TICKS = re.compile(r"`+")
_SPECIAL = re.compile(r"\\.|<!--|<|`+", re.DOTALL)
_IMAGE = re.compile(r"!\[((?:[^\[\]]|\[[^\[\]]{0,300}\]){0,1000})\](?=([(\[])?)")
_TITLE = re.compile(
    r"(\]\(\s{0,9}(?:<[^<>\n]{0,2000}>|[^\s()<>]{0,2000}(?:\([^\s()]{0,300}\)[^\s()]{0,300})?))"
    r"\s{1,9}(?:\"[^\"]{0,2000}\"|'[^']{0,2000}'|\([^()]{0,2000}\))\s{0,9}\)"
)
_REFERENCE = re.compile(r"(\]?)\[([^\[\]]{1,1000})\](?:\[\])?(?![(\[:])")
_BRACKETED_ADDRESS = re.compile(r"\]\(\s{0,9}<([^<>\n]{0,2000})>")
# in a paragraph it is shown, but people and other renderers take it for a comment
_COMMENT_LINE = re.compile(r"^([ >]{0,9}\[[^\[\]\n]{1,200}\]:[ \t]{0,9}[^\s]{1,2000})[ \t]{1,9}[\"'(].*$", re.MULTILINE)
_FOOTNOTE = re.compile(r"^[ >]{0,9}\[\^([^\]\n]{1,100})\]:")
_FOOTNOTE_REFERENCE = re.compile(r"\[\^([^\[\]\n]{1,100})\]")
_PLACEHOLDER = re.compile("\ue000(\\d+)\ue001")


@dataclass(frozen=True)
class CleanText:
    """The text that is left, and what was taken out of it, in words: `HTML comments (2)`."""

    text: str
    removed: tuple[str, ...] = ()


def clean_text(text: str) -> CleanText:
    """The text as its reader sees it. Line ends are LF."""
    cleaner = _Cleaner()
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    cleaned = cleaner.document(text)
    broken, count = break_control_tokens(cleaned)
    cleaner.found["control tokens (broken up)"] += count
    return CleanText(broken, tuple(f"{what}: {count}" for what, count in cleaner.found.items() if count))


class _Cleaner:
    """Cleans one document, and counts what it takes out."""

    def __init__(self) -> None:
        self.found: Counter[str] = Counter()
        self._addresses: dict[str, str] = {}  # of links, by label

    def document(self, text: str) -> str:
        """The document, block by block, as CommonMark has them."""
        from markdown_it import MarkdownIt

        parser = MarkdownIt("commonmark")
        parser.core.ruler.enableOnly(["normalize", "block"])
        environment: dict[str, Any] = {}
        # lines are counted by LF; what else some program takes for an end of line is not one here
        tokens = parser.parse(text.replace("\0", "\ufffd"), environment)
        lines = text.split("\n")
        code, prose, html = _blocks(tokens)
        definitions = self._definitions(environment, lines)
        out: list[str] = []
        at = 0
        while at < len(lines):
            if at in definitions:
                end = definitions[at]
            elif at in code:
                end = code[at].map[1] if code[at].map else at + 1  # type: ignore[index]
                out += self._code(code[at], lines[at:end])
            else:
                end = html.get(at) or prose.get(at, at + 1)
                text = "\n".join(lines[at:end])
                out.append(self._html(text) if at in html else self._prose(text))
            at = max(end, at + 1)
        return "\n".join(out)

    def _definitions(self, environment: dict[str, Any], lines: list[str]) -> dict[int, int]:
        """The definitions of links and unused footnotes, by their first line: the line after them. None is rendered.

        A link by its label gets its address where it stands: of `[a][b]` only `a` is seen.
        """
        given = [*environment.get("references", {}).items()]
        given += [(each["label"], each) for each in environment.get("duplicate_refs", [])]
        found: dict[int, int] = {}
        for label, each in given:
            if label.startswith("^"):
                continue  # a footnote's
            self._addresses.setdefault(_label(label), self._visible_part(each["href"]))
            found[each["map"][0]] = each["map"][1]
        self.found["definitions of links"] += len(found)
        return found | self._footnotes(lines, found)

    def _footnotes(self, lines: list[str], known: dict[int, int]) -> dict[int, int]:
        """Definitions of footnotes that nothing refers to: they are not rendered."""
        found: dict[int, int] = {}
        used = {_label(each) for line in lines for each in _FOOTNOTE_REFERENCE.findall(_FOOTNOTE.sub("", line))}
        for number, line in enumerate(lines):
            match = _FOOTNOTE.match(line)
            if not match or number in known or _label(match[1]) in used:
                continue
            end = number + 1
            while end < len(lines) and lines[end].strip():
                end += 1
            self.found["footnotes that nothing refers to"] += 1
            found[number] = end
        return found

    def _code(self, token: Token, lines: list[str]) -> list[str]:
        """A block of code: as it is, with what can't be seen written out, and only a language behind its fence."""
        shown = [visible(line) for line in lines]
        for line, written in zip(lines, shown, strict=True):
            self.found["invisible characters in code (shown)"] += line != written
        info = token.info.strip()
        if token.type == "fence" and info:
            language = _LANGUAGE.match(info)
            kept = language[0] if language and info[language.end() :][:1] in {"", " ", "\t", "{", ","} else ""
            if kept != info:
                self.found["info strings of fences"] += 1
                fence = re.match(r"(.*?(?:`{3,}|~{3,}))", lines[0])
                shown[0] = visible((fence[1] if fence else token.markup) + kept)
        return shown

    def _prose(self, text: str) -> str:
        """A paragraph, or a block of HTML, without what is not seen; code in it as it is."""
        codes: list[str] = []
        kept: list[str] = []
        for piece, is_code in self._spans(text):
            if is_code:
                shown = "\n".join(map(visible, piece.split("\n")))
                self.found["invisible characters in code (shown)"] += shown != piece
                codes.append(shown)
                kept.append(f"\ue000{len(codes) - 1}\ue001")
            else:
                kept.append(self._visible_part(piece))
        seen = self._tags("".join(kept), _INLINE_TAG)
        seen = self._links(seen)
        seen, images = _IMAGE.subn(lambda found: "![]" if found[2] else "(image)", seen)
        self.found["texts of images"] += images
        seen, titles = _TITLE.subn(r"\1)", seen)
        seen, comments = _COMMENT_LINE.subn(r"\1", seen)
        self.found["titles of links"] += titles + comments
        return _PLACEHOLDER.sub(lambda found: codes[int(found[1])], seen)

    def _links(self, text: str) -> str:
        """Links by a label with their addresses in place of it, and none with an address that reads as words."""
        text = _REFERENCE.sub(self._reference, text)
        return _BRACKETED_ADDRESS.sub(lambda found: "](" if len(found[1].split()) > 1 else found[0], text)

    def _reference(self, found: re.Match[str]) -> str:
        address = self._addresses.get(_label(found[2]))
        if address is None:
            return found[0]
        # behind `]` it is the label of a link's text, else it is text itself
        return f"]({address})" if found[1] else f"[{found[2]}]({address})"

    def _spans(self, text: str) -> Iterator[tuple[str, bool]]:
        """The pieces of a paragraph, without comments; True with those that are code."""
        places: dict[int, list[int]] = defaultdict(list)
        for run in _TICKS.finditer(text):
            places[len(run[0])].append(run.start())
        at = start = 0
        while found := _SPECIAL.search(text, at):
            mark, at = found[0], found.end()
            if mark == "<!--":
                yield text[start : found.start()], False
                end = _COMMENT_END.search(text, at)
                start = at = end.end() if end else len(text)
                self.found["HTML comments"] += 1
            elif mark == "<":
                # a tag's attributes may hold ticks, which are no code then
                tag = _INLINE_TAG.match(text, found.start())
                at = tag.end() if tag else at
            elif mark.startswith("`"):
                later = places[len(mark)]
                closing = bisect.bisect_left(later, at)
                if closing < len(later):
                    yield text[start : found.start()], False
                    start = at = later[closing] + len(mark)
                    yield text[found.start() : at], True
        yield text[start:], False

    def _visible_part(self, text: str) -> str:
        """The characters that have a shape, or are white space."""
        kept = "\n".join(map(without_unseen, text.split("\n")))
        self.found["invisible characters"] += len(text) - len(kept)
        return kept

    def _html(self, text: str) -> str:
        """A block of HTML, in which Markdown means nothing."""
        text, count = _COMMENT.subn("", text)
        self.found["HTML comments"] += count
        return self._tags(self._visible_part(text), _BLOCK_TAG)

    def _tags(self, text: str, tag: re.Pattern[str]) -> str:
        """HTML without what is not rendered and without attributes but addresses."""
        text, count = _UNRENDERED.subn("", text)
        self.found["HTML that is not rendered"] += count
        return tag.sub(self._tag, text)

    def _tag(self, found: re.Match[str]) -> str:
        name, attributes = found[1], found[2].strip().removesuffix("/").strip()
        if len(name) > _MAX_TAG_NAME:
            self.found["HTML that is not rendered"] += 1
            return ""
        if not attributes:
            return found[0]
        kept = "".join(f" {each[1]}={each[2]}" for each in _KEPT_ATTRIBUTE.finditer(attributes))
        self.found["attributes of HTML"] += kept.strip() != attributes
        return f"<{name}{kept}>"


def _blocks(tokens: list[Token]) -> tuple[dict[int, Token], dict[int, int], dict[int, int]]:
    """The blocks of code by their first line, and the line after each other block: of text, of HTML."""
    code: dict[int, Token] = {}
    prose: dict[int, int] = {}
    html: dict[int, int] = {}
    for token in tokens:
        if token.map is None:
            continue
        if token.type in {"fence", "code_block"}:
            code[token.map[0]] = token
        elif token.type == "html_block":
            html[token.map[0]] = token.map[1]
        elif token.type == "inline":
            prose[token.map[0]] = token.map[1]
    return code, prose, html


def _label(text: str) -> str:
    return " ".join(text.split()).casefold()
