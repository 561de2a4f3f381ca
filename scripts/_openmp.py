"""Copied into `.venv` where the system has no OpenMP library: loads a copy when xllamacpp is imported."""

from __future__ import annotations

import sys


class _LoadFirst:
    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> None:
        if name == "xllamacpp":
            import ctypes

            # Once loaded, the linker takes it for every library that asks for this name.
            ctypes.CDLL(f"{sys.prefix}/lib/libgomp.so.1", mode=ctypes.RTLD_GLOBAL)


sys.meta_path.insert(0, _LoadFirst)
