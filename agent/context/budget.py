"""How many tokens a session may use, of the window it was given."""

from __future__ import annotations

from dataclasses import dataclass

from agent.text import CHARACTERS_PER_TOKEN

MIN_REPLY_TOKENS = 256
"""A reply with less room than that, in tokens, is not asked for."""
_MIN_REPLY = 512
_MAX_REPLY = 8192
_MIN_OBSERVATION = 400
_MAX_OBSERVATION = 10_000
_LEAST_WORK = 1_200
_MIN_SUMMARY = 384
_MAX_SUMMARY = 4096
_SUMMARY_REQUEST = 450
_DOUBT = 1.3  # vocabularies differ: an estimate may be too low by so much
_LEARNT_DOUBT = 1.2  # texts differ, too
_LEAST_SAMPLE = 256  # bytes; less of a text says little of how it is counted
_DENSEST, _THINNEST = 1.0, 1 / 6  # tokens a byte
_FADING = 0.8  # what each sample leaves of the weight of those before it
_AROUND = 64  # tokens that a template may put around a reply and what follows it, in all
_PER_MESSAGE = 8  # tokens that a template puts around a message


@dataclass(frozen=True)
class WindowBudget:
    """A window in tokens, divided: what is kept for the reply, what the prompt and one observation may take."""

    window: int

    @property
    def reply(self) -> int:
        """Kept for the reply: an eighth of the window, between 512 and 8192."""
        return min(max(self.window // 8, _MIN_REPLY), _MAX_REPLY)

    @property
    def longest_reply(self) -> int:
        """What a reply may take while there is room: a quarter of the window, between 512 and 8192."""
        return min(max(self.window // 4, _MIN_REPLY), _MAX_REPLY)

    @property
    def prompt(self) -> int:
        """What the prompt may take; never less than half of the window."""
        return max(self.window - self.reply, self.window // 2)

    @property
    def summary(self) -> int:
        """The most tokens of a summary that takes the place of steps: a sixteenth of the window, 384 to 4096."""
        return min(max(self.window // 16, _MIN_SUMMARY), _MAX_SUMMARY)

    @property
    def compaction_threshold(self) -> int:
        """With less room than so many tokens the prompt is made shorter: a summary can still be asked for in it."""
        return max(self.reply, self.summary + _SUMMARY_REQUEST)

    def opening_room(self, fixed: int) -> int:
        """What issue and instructions may have beside the `fixed` rest of a first prompt, a quarter left for work."""
        left = self.prompt - int(_DOUBT * fixed) - max(_LEAST_WORK, self.prompt // 4)
        return max(min(left, self.prompt // 2), 0)

    @property
    def observation(self) -> int:
        """The most tokens of one observation: an eighth of the window, between 400 and 10,000."""
        return min(max(self.window // 8, _MIN_OBSERVATION), _MAX_OBSERVATION)


class TokenMeter:
    """Estimates the size of the next prompt: the server's figure for the last one, and what came since.

    How many tokens a byte of text has is learnt from the server's own figures.
    """

    def __init__(self) -> None:
        self._known = 0
        self._since = 0
        self._bytes = 0  # of what came since
        self._doubtful = False  # whether templates may leave out a part of what is known
        self._tokens_seen = 0.0
        self._bytes_seen = 0.0

    @property
    def rate(self) -> float:
        """Tokens a byte of UTF-8 has, as far as is known."""
        if not self._bytes_seen:
            return 1 / CHARACTERS_PER_TOKEN
        return min(max(self._tokens_seen / self._bytes_seen, _THINNEST), _DENSEST)

    def estimate(self, text: str) -> int:
        """The tokens of a text."""
        return int(_length(text) * self.rate) + 1

    def record_usage(self, prompt_tokens: int, completion_tokens: int, *, thoughts: bool = False) -> None:
        """Take the server's figures for the last request; nothing where it has none.

        `thoughts` tells that the reply had some, which templates leave out of later prompts.
        """
        if not prompt_tokens:
            return
        more = prompt_tokens - self._known
        if self._bytes >= _LEAST_SAMPLE and more > 0 and not self._doubtful:
            self._sample(more)
        self._known = prompt_tokens + completion_tokens
        self._since = self._bytes = 0
        self._doubtful = thoughts

    def _sample(self, tokens: int) -> None:
        self._tokens_seen = _FADING * self._tokens_seen + tokens
        self._bytes_seen = _FADING * self._bytes_seen + self._bytes

    def add(self, text: str) -> None:
        """Count text that the next prompt will hold and the last one did not."""
        self._since += self.estimate(text) + _PER_MESSAGE
        self._bytes += _length(text)

    def record_overflow(self, window: int) -> None:
        """The server says that the prompt is longer than the window, in tokens: at least that is sure."""
        more = window - self._known
        if more > self._since:
            if self._bytes >= _LEAST_SAMPLE:
                self._sample(more)
            self._since = more

    def reset(self) -> None:
        """A new prompt begins."""
        self._known = self._since = self._bytes = 0
        self._doubtful = False

    @property
    def tokens(self) -> int:
        """The estimate for the next prompt."""
        return self._known + self._since

    @property
    def upper_bound(self) -> int:
        """What the next prompt has at the most: what is estimated may be too low."""
        return self._known + (self.upper_bound_of(self._since) + _AROUND if self._since else 0)

    def upper_bound_of(self, estimated: int) -> int:
        """What a text that was estimated so may have."""
        return int(self._doubt * estimated)

    def lower_bound_of(self, estimated: int) -> int:
        """What a text that was estimated so has for sure."""
        return int(estimated / self._doubt)

    @property
    def _doubt(self) -> float:
        return _LEARNT_DOUBT if self._bytes_seen else _DOUBT


def _length(text: str) -> int:
    return len(text.encode("utf-8", "replace"))
