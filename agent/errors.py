"""Every error the project raises on purpose, in one tree.

::

    SweAgentError                    exit 1   anything that ends a command and has no class below
    ├── UsageError                   exit 2   a wrong option, argument or setting
    ├── BackendError                 exit 3   the model server
    │   ├── BackendUnreachable                nothing answers at the address, or not any more
    │   ├── BackendRefused                    it answers with an error that a retry can't change
    │   ├── ContextOverflow                   the request does not fit into the window
    │   ├── PromptTruncated                   it answered a request of which it read only a part
    │   ├── ReplyUnparsable                   it could not parse what its own model wrote
    │   └── ModelUnavailable                  the model file or a runtime for it is missing
    ├── SandboxError                 exit 4   where commands run
    │   ├── SandboxUnavailable                it can't be started here
    │   └── SandboxLost                       it was running and is gone
    ├── BudgetExhausted              exit 5   no steps, time, tokens or window are left
    ├── SourceError                  exit 6   an issue, repository or forge can't be read or written
    │   ├── IssueUnreadable
    │   ├── RepositoryUnreadable
    │   └── PatchRejected                     the patch must not leave the sandbox, or does not fit
    └── JournalError                 exit 1   the record of a session
        ├── JournalDamaged                    a line before the last can't be read
        ├── JournalWriteFailed                the disk is full, read-only or gone
        └── SessionInUse             exit 2   another process works on it

Every error has a message, and a hint: what the user should do next. Where the code that raises it gives none, the
hint is the class's `default_hint`. A new error is a class here, drawn in the tree above.

Control flow that ends a session (submitted, budget, interrupted) is an event, never one of these.
"""

from __future__ import annotations


class SweAgentError(Exception):
    """Base of all. `message` says what happened and `hint` what to do next; `exit_code` is the command's.

    `str()` has the message, and the hint where one was given: in a warning or a retry a default one would be noise.
    """

    exit_code = 1
    default_hint = "if it happens again, please report it"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint or self.default_hint
        self._given_hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self._given_hint})" if self._given_hint else self.message


class UsageError(SweAgentError):
    """A wrong option, argument or setting. The message names it; most need no hint, so there is no default."""

    exit_code = 2
    default_hint = ""


class BackendError(SweAgentError):
    """The model server failed, and retries did not help."""

    exit_code = 3
    default_hint = "look for the reason in the log of the model server"


class BackendUnreachable(BackendError):
    """Nothing answers at the server's address, or not any more."""

    default_hint = "start the model server, or name another one with --base-url"


class BackendRefused(BackendError):
    """The server answers with an error that a retry can't change; `status` is the HTTP status."""

    def __init__(self, message: str, *, status: int, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status


class ContextOverflow(BackendError):
    """The request is longer than the window; `window` is the server's figure in tokens, or None."""

    default_hint = "give the server a larger context, or the session a smaller --context"

    def __init__(self, message: str, *, window: int | None = None) -> None:
        super().__init__(message, hint=self.default_hint)
        self.window = window


class PromptTruncated(BackendError):
    """The server answered a request of which it read only a part."""

    default_hint = "give the server a larger context, or the session a smaller --context"


class ReplyUnparsable(BackendError):
    """The server answered with status 500 because it could not parse its own model's output."""

    default_hint = "update the model server, or use another model"


class ModelUnavailable(BackendError):
    """The model file, or a runtime that can load it, is missing here."""

    default_hint = "`swe-agent models list` shows the models, `swe-agent models pull` gets one"


class SandboxError(SweAgentError):
    """A sandbox can't be started, is gone, or fails in a way that is not a command's."""

    exit_code = 4
    default_hint = "check Docker and the disk, or use another sandbox with --sandbox"


class SandboxUnavailable(SandboxError):
    """This kind of sandbox can't be started on this machine, or not again."""


class SandboxLost(SandboxError):
    """The sandbox was running and is gone. It may be revived: the workspace can have survived."""


class BudgetExhausted(SweAgentError):
    """No steps, time, tokens or window are left."""

    exit_code = 5
    default_hint = "go on with `swe-agent resume` and a larger budget"


class SourceError(SweAgentError):
    """An issue, repository or forge can't be read or written."""

    exit_code = 6
    default_hint = "check its path or address, and that you may read and write it"


class IssueUnreadable(SourceError):
    """The issue can't be read, or is empty or too long."""


class RepositoryUnreadable(SourceError):
    """The repository, or the commit to start from, can't be read."""


class PatchRejected(SourceError):
    """The patch breaks a rule for leaving the sandbox, or does not apply."""

    default_hint = "the session keeps the change: `swe-agent sessions diff` shows it"


class JournalError(SweAgentError):
    """The record of a session can't be read or written."""

    default_hint = "`swe-agent sessions list` shows the sessions that can be read"


class JournalDamaged(JournalError):
    """A line before the last can't be read; the message has its number."""


class JournalWriteFailed(JournalError):
    """An event can't be written. Nothing that relies on it was done."""

    default_hint = "free some disk, then go on with `swe-agent resume`"


class SessionInUse(JournalError):
    """Another process works on the session; the message says which, and since when."""

    exit_code = 2
    default_hint = "wait until it ends, or end it with Ctrl-C"
