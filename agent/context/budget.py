"""How the tokens of a context window are divided, and how many of them the next prompt takes."""

from __future__ import annotations

from dataclasses import dataclass

from agent.text import BYTES_PER_TOKEN

MIN_REPLY_TOKENS = 256
"""A reply with less room than that is not asked for."""
_MIN_REPLY_BUDGET = 512
_MAX_REPLY_BUDGET = 8192
_MIN_OBSERVATION = 400
_MAX_OBSERVATION = 10_000
_MIN_WORK = 1_200  # tokens left for steps after the opening
_MIN_SUMMARY = 384
_MAX_SUMMARY = 4096
_SUMMARY_REQUEST = 450  # tokens of the request for a summary
_MARGIN = 1.3  # by which an estimate may be too low, since vocabularies differ
_LEARNT_MARGIN = 1.2  # after the server's figures were seen, since texts differ, too
_MIN_SAMPLE = 256  # bytes; a shorter text says little about the rate
_MAX_RATE, _MIN_RATE = 1.0, 1 / 6  # tokens per byte
_DECAY = 0.8  # by which a sample reduces the weight of those before it
_TEMPLATE = 64  # tokens, at most, that a chat template adds to a reply and the messages after it
_PER_MESSAGE = 8  # tokens that a chat template adds to a message


@dataclass(frozen=True)
class WindowBudget:
    """How a window is divided between the prompt, an observation, a summary and the reply; all in tokens."""

    window: int

    @property
    def reply(self) -> int:
        """What is reserved for the reply: an eighth of the window, from 512 to 8192."""
        return min(max(self.window // 8, _MIN_REPLY_BUDGET), _MAX_REPLY_BUDGET)

    @property
    def longest_reply(self) -> int:
        """What a reply may take while there is room: a quarter of the window, from 512 to 8192."""
        return min(max(self.window // 4, _MIN_REPLY_BUDGET), _MAX_REPLY_BUDGET)

    @property
    def prompt(self) -> int:
        """What the prompt may take: the window without the reply's reserve, but at least half of it."""
        return max(self.window - self.reply, self.window // 2)

    @property
    def summary(self) -> int:
        """What a summary that replaces steps may take: a sixteenth of the window, from 384 to 4096."""
        return min(max(self.window // 16, _MIN_SUMMARY), _MAX_SUMMARY)

    @property
    def compaction_threshold(self) -> int:
        """With less room than this the prompt is compacted; a summary can still be asked for within it."""
        return max(self.reply, self.summary + _SUMMARY_REQUEST)

    def opening_room(self, fixed: int) -> int:
        """What issue and instructions may take beside the `fixed` rest of a first prompt.

        A quarter of the prompt is left for steps.
        """
        left = self.prompt - int(_MARGIN * fixed) - max(_MIN_WORK, self.prompt // 4)
        return max(min(left, self.prompt // 2), 0)

    @property
    def observation(self) -> int:
        """What one observation may take: an eighth of the window, from 400 to 10,000."""
        return min(max(self.window // 8, _MIN_OBSERVATION), _MAX_OBSERVATION)


class TokenMeter:
    """Estimates the tokens of the next prompt: the server's figure for the last one, and what was added since.

    The rate of tokens per byte is learnt from the server's figures.
    """

    def __init__(self) -> None:
        self._measured = 0
        self._added = 0  # estimated tokens that were added since
        self._added_bytes = 0
        self._may_shrink = False  # whether the chat template may leave out a part of the last prompt
        self._sampled_tokens = 0.0
        self._sampled_bytes = 0.0

    @property
    def rate(self) -> float:
        """Tokens per byte of UTF-8, as far as is known."""
        if not self._sampled_bytes:
            return 1 / BYTES_PER_TOKEN
        return min(max(self._sampled_tokens / self._sampled_bytes, _MIN_RATE), _MAX_RATE)

    def estimate(self, text: str) -> int:
        """The estimated tokens of a text."""
        return int(_length(text) * self.rate) + 1

    def record_usage(self, prompt_tokens: int, completion_tokens: int, *, thoughts: bool = False) -> None:
        """Take the server's figures for the last request; zero tokens stand for a server that gives none.

        `thoughts` says that the reply had some, which chat templates leave out of later prompts.
        """
        if not prompt_tokens:
            return
        more = prompt_tokens - self._measured
        if self._added_bytes >= _MIN_SAMPLE and more > 0 and not self._may_shrink:
            self._sample(more)
        self._measured = prompt_tokens + completion_tokens
        self._added = self._added_bytes = 0
        self._may_shrink = thoughts

    def _sample(self, tokens: int) -> None:
        self._sampled_tokens = _DECAY * self._sampled_tokens + tokens
        self._sampled_bytes = _DECAY * self._sampled_bytes + self._added_bytes

    def add(self, text: str) -> None:
        """Add text that the next prompt has and the last one had not."""
        self._added += self.estimate(text) + _PER_MESSAGE
        self._added_bytes += _length(text)

    def record_overflow(self, window: int) -> None:
        """The server has refused the prompt as longer than the window, so it has at least `window` tokens."""
        more = window - self._measured
        if more > self._added:
            if self._added_bytes >= _MIN_SAMPLE:
                self._sample(more)
            self._added = more

    def reset(self) -> None:
        """Begin a new prompt."""
        self._measured = self._added = self._added_bytes = 0
        self._may_shrink = False

    @property
    def tokens(self) -> int:
        """The estimated tokens of the next prompt."""
        return self._measured + self._added

    @property
    def upper_bound(self) -> int:
        """The tokens that the next prompt has at most, since the estimate may be too low."""
        return self._measured + (self.upper_bound_of(self._added) + _TEMPLATE if self._added else 0)

    def upper_bound_of(self, estimated: int) -> int:
        """The tokens that a text with this estimate has at most."""
        return int(self._margin * estimated)

    def lower_bound_of(self, estimated: int) -> int:
        """The tokens that a text with this estimate has at least."""
        return int(estimated / self._margin)

    @property
    def _margin(self) -> float:
        return _LEARNT_MARGIN if self._sampled_bytes else _MARGIN


def _length(text: str) -> int:
    return len(text.encode("utf-8", "replace"))
