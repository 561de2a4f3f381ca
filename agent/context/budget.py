"""How many tokens a session may use, of the window it was given."""

from __future__ import annotations

from dataclasses import dataclass

from tools.truncate import estimate_tokens

LEAST_REPLY = 256
"""A reply with less room than that, in tokens, is not asked for."""
_MIN_REPLY = 512
_MAX_REPLY = 8192
_MIN_OBSERVATION = 400
_MAX_OBSERVATION = 10_000
_LEAST_WORK = 1_200
_DOUBT = 1.3  # vocabularies differ: an estimate may be too low by so much


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

    def opening(self, fixed: int) -> int:
        """What issue and instructions may have beside the `fixed` rest of a first prompt, a quarter left for work."""
        left = self.prompt - int(_DOUBT * fixed) - max(_LEAST_WORK, self.prompt // 4)
        return max(min(left, self.prompt // 2), 0)

    @property
    def observation(self) -> int:
        """The most tokens of one observation: an eighth of the window, between 400 and 10,000."""
        return min(max(self.window // 8, _MIN_OBSERVATION), _MAX_OBSERVATION)


class TokenMeter:
    """Estimates the size of the next prompt: the server's figure for the last one, and what came since."""

    def __init__(self) -> None:
        self._known = 0
        self._since = 0

    def measured(self, prompt_tokens: int, completion_tokens: int) -> None:
        """Take the server's figures for the last request."""
        if prompt_tokens:
            self._known = prompt_tokens + completion_tokens
            self._since = 0

    def added(self, text: str) -> None:
        """Count text that the next prompt will hold and the last one did not."""
        self._since += estimate_tokens(text) + 8

    def restart(self) -> None:
        """A new prompt begins."""
        self._known = self._since = 0

    @property
    def tokens(self) -> int:
        """The estimate for the next prompt."""
        return self._known + self._since

    @property
    def most(self) -> int:
        """What the next prompt has at the most: what is estimated may be too low."""
        return self._known + int(_DOUBT * self._since)
