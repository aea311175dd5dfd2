"""Memory that a network frees is kept for its next step instead of being handed back to the system."""

from __future__ import annotations

import ctypes
import os
from functools import cache

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of mallopt, in glibc's malloc.h
_KEPT_BYTES = 256 * 1024 * 1024
_LARGE_BYTES = 32 * 1024 * 1024  # the most that glibc accepts


@cache
def keep_freed_memory() -> bool:
    """Let this process keep up to 256 MiB of what it frees; whether that could be arranged.

    A network on the CPU frees and asks for the same few megabytes many times a frame. glibc maps each anew, and the
    system clears every page of it: a sixth of the time of tracking 16 objects. `MALLOC_*` variables of the environment
    are left to rule, and systems without glibc as they are.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None or any(name.startswith("MALLOC_") for name in os.environ):
        return False
    return bool(mallopt(_MMAP_THRESHOLD, _LARGE_BYTES)) and bool(mallopt(_TRIM_THRESHOLD, _KEPT_BYTES))
