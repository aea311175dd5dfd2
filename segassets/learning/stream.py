"""Batches of a whole training as one stream: epoch after epoch, from any batch on, with the time spent waiting."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

WARM_BATCHES = 5


class BatchStream:
    """Batches `first` to `count` of an endless repetition of epochs.

    Args:
        open_epoch: gives the batches of an epoch from some batch on: (epoch, first batch) -> iterable.
        per_epoch: batches of an epoch.

    Attributes:
        waited_s: time `next` took, after the first few batches.
        worked_s: time between the batches, likewise.
    """

    def __init__(
        self, open_epoch: Callable[[int, int], Iterable[Any]], per_epoch: int, first: int, count: int
    ) -> None:
        self._open_epoch, self._per_epoch = open_epoch, per_epoch
        self._first, self._count = first, count
        self.waited_s = self.worked_s = 0.0

    def __iter__(self) -> Iterator[Any]:
        number = self._first
        while number < self._count:
            epoch, start = divmod(number, self._per_epoch)
            found = number
            batches = iter(self._open_epoch(epoch, start))
            while number < self._count:
                began = time.perf_counter()
                batch = next(batches, None)
                got = time.perf_counter()
                if batch is None:
                    break
                number += 1
                yield batch
                if number - self._first > WARM_BATCHES:
                    self.waited_s += got - began
                    self.worked_s += time.perf_counter() - got
            if number == found:
                raise RuntimeError(
                    f"epoch {epoch} gave no batch from number {start} on, {self._per_epoch} expected"
                )

    @property
    def share_waited(self) -> float:
        """Share of the time of warm steps that was spent waiting for batches; 0 before there were any."""
        total = self.waited_s + self.worked_s
        return self.waited_s / total if total else 0.0
