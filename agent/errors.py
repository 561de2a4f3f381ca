"""Every error the project raises on purpose, in one tree.

::

    SweAgentError                    exit 1   something ended the work; `hint` says what to do next
    ├── UsageError                   exit 2   wrong option, wrong configuration
    ├── BackendError                 exit 3   the model's server
    │   ├── BackendUnreachable                nothing answers at the address, or it went away for good
    │   ├── BackendRefused                    it answered with an error that asking again can't mend
    │   ├── ContextOverflow                   the request does not fit the server's window
    │   ├── PromptTruncated                   the server read only a part of the request and said nothing
    │   ├── ReplyUnparsable                   the server could not parse what its own model wrote
    │   └── ModelUnavailable                  the model or the runtime for it can't be had
    ├── SandboxError                 exit 4   where commands run
    │   ├── SandboxUnavailable                it can't be started here
    │   └── SandboxLost                       it was there and is gone; the workspace may survive it
    ├── BudgetExhausted              exit 5   steps, time, tokens or the window ran out
    ├── SourceError                  exit 6   issue, repository or forge can't be read or written
    │   ├── IssueUnreadable
    │   ├── RepositoryUnreadable
    │   └── PatchRejected                     the diff that came out breaks the rules for leaving the sandbox
    └── JournalError                 exit 1   the record of the session
        ├── JournalDamaged                    a line other than the last can't be read
        ├── JournalWriteFailed                disk full, read-only, gone
        └── SessionInUse             exit 2   another process works on the session

Control flow that ends a session (submitted, budget, interrupted) is an event, never one of these.
"""

from __future__ import annotations


class SweAgentError(Exception):
    """Base of all: a message for the user, and what to do next."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class UsageError(SweAgentError):
    """Wrong usage or configuration."""

    exit_code = 2


class BackendError(SweAgentError):
    """The model's server failed for good."""

    exit_code = 3


class BackendUnreachable(BackendError):
    """Nothing answers at the address, or it went away and did not come back."""


class BackendRefused(BackendError):
    """An HTTP error that asking again can't mend.

    `status` is the HTTP status.
    """

    def __init__(self, message: str, *, status: int, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status


class ContextOverflow(BackendError):
    """The request is longer than the window; `window` is the server's figure in tokens, or None."""

    def __init__(self, message: str, *, window: int | None = None) -> None:
        super().__init__(message, hint="give the server a larger context, or the session a smaller --context")
        self.window = window


class PromptTruncated(BackendError):
    """The server answered a request of which it had read only a part."""


class ReplyUnparsable(BackendError):
    """The server answered 500 since it could not parse its own model's output."""


class ModelUnavailable(BackendError):
    """The model file, or a runtime for it, can't be had here."""


class SandboxError(SweAgentError):
    """The sandbox can't be started or went away."""

    exit_code = 4


class SandboxUnavailable(SandboxError):
    """This kind of sandbox does not work on this machine."""


class SandboxLost(SandboxError):
    """The sandbox was running and is gone."""


class BudgetExhausted(SweAgentError):
    """Steps, time, tokens or the window ran out; the session can be resumed."""

    exit_code = 5


class SourceError(SweAgentError):
    """Issue, repository or forge can't be read or written."""

    exit_code = 6


class IssueUnreadable(SourceError):
    """The issue can't be read."""


class RepositoryUnreadable(SourceError):
    """The repository or the commit to start from can't be read."""


class PatchRejected(SourceError):
    """The diff breaks the rules for leaving the sandbox."""


class JournalError(SweAgentError):
    """The session's record can't be read or written."""


class JournalDamaged(JournalError):
    """A line other than the last can't be read; the message has its number."""


class JournalWriteFailed(JournalError):
    """An event could not be written; nothing that relied on it was done."""


class SessionInUse(JournalError):
    """Another process works on the session; the message says which, and since when."""

    exit_code = 2
