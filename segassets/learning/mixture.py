"""Several sources in one stream of batches: videos beside image sets, each with its own batch size and share.

The order of a run is a function of (seed, epoch) alone. Every process takes its part of each batch, so all
see the same source at the same step, and a run goes on at any batch without replaying those before it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from torch.utils.data import DataLoader, Dataset, Sampler

from segassets.errors import BadConfig
from segassets.learning.clip_config import AugmentConfig
from segassets.learning.clip_dataset import ClipDatapoint, ClipDataset, ClipDraw
from segassets.learning.clips import ClipIndex

from training.utils.data_utils import collate_fn  # isort: skip - after clip_dataset has prepared sam2

if TYPE_CHECKING:
    from training.utils.data_utils import BatchedVideoDatapoint

SourceDraw = tuple[int, ClipDraw]  # number of the source, and what to draw from it


def mixture_loader(
    sources: Sequence[ClipIndex],
    image_size: int,
    seed: int = 0,
    rank: int = 0,
    world_size: int = 1,
    workers: int | None = None,
    epoch: int = 0,
    first_batch: int = 0,
    *,
    augment: AugmentConfig | None = None,
    shuffle: bool = True,
    pin_memory: bool = False,
) -> DataLoader[BatchedVideoDatapoint]:
    """A loader of sam2's `BatchedVideoDatapoint` for one process; `dict_key` is the source's name (`names_of`).

    With Lightning use `use_distributed_sampler=False`: it calls `batch_sampler.set_epoch` itself. Elsewhere
    call `loader.batch_sampler.set_epoch(epoch)` before each epoch.

    Args:
        workers: processes that load ahead; 0 loads in this one, None chooses by the number of cores.
        epoch, first_batch: where a resumed run goes on; later epochs begin at their first batch.
        augment: variation of the clips; None for validation.
        shuffle: False takes every clip once in order, the same each epoch.

    Raises:
        BadConfig: shares that do not add up, no source at all, a rank outside the world.
    """
    if not sources:
        raise BadConfig("expected at least one source of clips, found none; name one under data.train")
    if not 0 <= rank < world_size:
        raise BadConfig(f"expected a rank of 0..{world_size - 1}, found {rank}")
    batches = MixtureBatches(sources, seed, rank, world_size, shuffle=shuffle)
    batches.set_epoch(epoch, first_batch)
    count = default_workers(world_size) if workers is None else workers
    return DataLoader(
        Mixture(
            [
                ClipDataset(source, image_size, augment, seed, name)
                for source, name in zip(sources, names_of(sources), strict=True)
            ]
        ),
        batch_sampler=batches,
        collate_fn=collate_clips,
        num_workers=count,
        persistent_workers=count > 0,
        pin_memory=pin_memory,
    )


def names_of(sources: Sequence[ClipIndex]) -> list[str]:
    """A name for each source: its dataset's, with a number where several sources are of one dataset."""
    names: list[str] = []
    for source in sources:
        stem = Path(source.data.dataset).stem
        again = sum(name.partition("#")[0] == stem for name in names)
        names.append(f"{stem}#{again + 1}" if again else stem)
    return names


def default_workers(world_size: int = 1) -> int:
    """Loading processes per training process: none on two cores or fewer, else what is left, at most four."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    return max(0, min(4, (cores - 1) // world_size)) if cores > 2 else 0


def collate_clips(clips: list[ClipDatapoint]) -> BatchedVideoDatapoint:
    """sam2's own collation; the batch is keyed by its source."""
    return partial(collate_fn, dict_key=clips[0].source)(clips)


def describe_batch(batch: BatchedVideoDatapoint, sources: Sequence[ClipIndex]) -> str:
    """The clips of a batch in words, for errors: scenes and source frames."""
    scenes = sources[names_of(sources).index(batch.dict_key)].scenes
    found = {}
    for (_, video), first, last in zip(
        batch.obj_to_frame_idx[0].tolist(),
        batch.metadata.unique_objects_identifier[0].tolist(),
        batch.metadata.unique_objects_identifier[-1].tolist(),
        strict=True,
    ):
        found[video] = f"scene {scenes[first[0]].key}, frames {first[2]} to {last[2]}"
    return "; ".join(found.values())


class Mixture(Dataset[ClipDatapoint]):
    """The clips of all sources, by (source, draw)."""

    def __init__(self, datasets: Sequence[ClipDataset]) -> None:
        self.datasets = list(datasets)

    def __len__(self) -> int:
        return sum(len(dataset) for dataset in self.datasets)

    def __getitem__(self, item: SourceDraw) -> ClipDatapoint:
        source, draw = item
        return self.datasets[source][draw]


class MixtureBatches(Sampler[list[SourceDraw]]):
    """Which clips make each batch of this process.

    Sources without a `probability` are gone through exactly once an epoch when none has one. As soon as one
    has, sources are drawn by their shares, an epoch has as many batches as before, and a source that runs
    out starts over in another order. Batches hold clips of one length; the last of a source may be smaller,
    on all processes alike: up to `world_size - 1` clips are taken twice to make that so.
    """

    def __init__(
        self,
        sources: Sequence[ClipIndex],
        seed: int,
        rank: int = 0,
        world_size: int = 1,
        shuffle: bool = True,
    ) -> None:
        self.sources, self.seed, self.rank, self.world_size = sources, seed, rank, world_size
        self.shuffle = shuffle
        self.epoch = self.first_batch = 0
        self._counts = [len(self._batches_of(number, 0, 0)) for number in range(len(sources))]
        self.shares = _shares(sources, self._counts)

    def set_epoch(self, epoch: int, first_batch: int | None = None) -> None:
        """Choose the epoch; a new one begins at its first batch unless told otherwise."""
        if first_batch is not None or epoch != self.epoch:
            self.first_batch = first_batch or 0
        self.epoch = epoch

    @property
    def sampler(self) -> MixtureBatches:
        """Where Lightning looks for `set_epoch`."""
        return self

    @property
    def epoch_batches(self) -> int:
        """Batches of a whole epoch."""
        return sum(self._counts)

    def __len__(self) -> int:
        return max(self.epoch_batches - self.first_batch, 0)

    def __iter__(self) -> Iterator[list[SourceDraw]]:
        epoch = self.epoch if self.shuffle else 0
        taken = [0] * len(self.sources)
        current: dict[int, tuple[int, list[np.ndarray]]] = {}
        for step, source in enumerate(self._order(epoch)):
            round_, at = divmod(taken[source], self._counts[source])
            taken[source] += 1
            if step < self.first_batch:
                continue
            if current.get(source, (-1,))[0] != round_:
                current[source] = (round_, self._batches_of(source, epoch, round_))
            clips = current[source][1][at]
            yield [
                (source, ClipDraw(int(clip), self._seed(epoch, source, round_, at, place)))
                for place, clip in enumerate(clips)
                if place % self.world_size == self.rank
            ]

    def _order(self, epoch: int) -> list[int]:
        """The source of each batch of an epoch, alike on all processes."""
        once = np.repeat(np.arange(len(self.sources)), self._counts)
        if not self.shuffle:
            return once.tolist()
        rng = np.random.default_rng([self.seed, epoch])
        if all(source.data.probability is None for source in self.sources):
            return rng.permutation(once).tolist()
        return rng.choice(len(self.sources), size=len(once), p=self.shares).tolist()

    def _batches_of(self, number: int, epoch: int, round_: int) -> list[np.ndarray]:
        """One pass over a source: clip numbers of each batch, of all processes together."""
        source = self.sources[number]
        rng = np.random.default_rng([self.seed, epoch, number, round_])
        size = source.data.batch_size * self.world_size
        found: list[np.ndarray] = []
        lengths = source.lengths
        for length in np.unique(lengths):
            clips = np.flatnonzero(lengths == length)
            clips = rng.permutation(clips) if self.shuffle else clips
            filled = -(-len(clips) // self.world_size) * self.world_size
            clips = np.resize(clips, filled)
            found += np.split(clips, range(size, filled, size))
        if not self.shuffle or len(found) < 2:
            return found
        return [found[at] for at in rng.permutation(len(found))]

    def _seed(self, *place: int) -> int:
        return int(np.random.SeedSequence([self.seed, *place]).generate_state(1)[0])


def _shares(sources: Sequence[ClipIndex], counts: Sequence[int]) -> np.ndarray:
    """Probability of each source; those without one share what is left in proportion to their batches.

    Raises:
        BadConfig: the given ones add up to more than 1, to less than 1 with nobody to take the rest, or to 1
            with nothing left for others.
    """
    given = np.array([source.data.probability or 0.0 for source in sources])
    weights = np.array([0 if share else count for share, count in zip(given, counts, strict=True)], float)
    left = 1 - given.sum()
    named = ", ".join(f"{source.data.dataset} {source.data.probability}" for source in sources)
    if left < -1e-6 or (abs(left) > 1e-6) != bool(weights.any()):
        raise BadConfig(
            f"'probability' of the sources: expected shares that add up to 1 (or less, where a source without one "
            f"takes the rest), found {named}"
        )
    shares = given + (max(left, 0) * weights / weights.sum() if weights.any() else 0)
    return shares / shares.sum()
