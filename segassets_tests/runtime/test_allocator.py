"""Memory kept for the next step."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

FAULTS = """
import ctypes, resource, sys
from segassets.runtime.allocator import keep_freed_memory
kept = sys.argv[1] == "keep" and keep_freed_memory()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
def step():
    blocks = [libc.malloc(4_000_000) for _ in range(4)]
    for block in blocks:
        ctypes.memset(block, 1, 4_000_000)
    for block in blocks:
        libc.free(block)
step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    step()
print(kept, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str, **environ: str) -> tuple[str, int]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    command = [sys.executable, "-c", FAULTS, how]
    done = subprocess.run(command, env={**own, **environ}, capture_output=True, text=True, check=True)
    kept, count = done.stdout.split()
    return kept, int(count)


@pytest.mark.skipif(sys.platform != "linux", reason="mallopt is glibc's")
def test_the_same_memory_is_used_again():
    kept, count = faults("keep")
    if kept == "False":
        pytest.skip("this system's C library has no mallopt")
    assert count < 100
    assert faults("leave")[1] > 10_000, "this system does so by itself: is the allocator still needed?"


def test_the_environment_rules():
    assert faults("keep", MALLOC_ARENA_MAX="2")[0] == "False"
