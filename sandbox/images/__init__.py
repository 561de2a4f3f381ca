"""The images containers start from: one the user named, or the project's own, built where it is used."""

from sandbox.images._ensure import ensure_image

__all__ = ["ensure_image"]
