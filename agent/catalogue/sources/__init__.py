"""Where model files come from: the hub, and packages on the Python package index."""

__all__ = ["Unobtainable"]


class Unobtainable(Exception):
    """This source does not give the file, the next one may; the message says why."""
