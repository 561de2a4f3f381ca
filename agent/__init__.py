"""The session and all it thinks with."""

__version__ = "0.1.0"
