"""Standard output as a pipe that may be closed early, as by `head`."""

from __future__ import annotations

import signal


def exit_on_closed_pipe() -> None:
    """From now on end silently, by SIGPIPE, when the reader of standard output closes it."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
