"""Numbers near zero on a CPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def no_denormals(wanted: bool = True) -> Iterator[None]:
    """On a CPU, tiny values become zero: a training from random values is ten times slower otherwise.

    Only while the block runs: scipy's KD-tree never ends where the number after zero is zero.
    """
    on = wanted and torch.set_flush_denormal(True)
    try:
        yield
    finally:
        if on:
            torch.set_flush_denormal(False)
