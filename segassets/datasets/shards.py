"""Scenes of an image set whose pictures are listed: shards of a size, or a scene a picture."""

from __future__ import annotations

from collections.abc import Sequence

from segassets.datasets.layouts import Layout


def shard_slices(layout: Layout, stems: Sequence[str], size: int, prefix: str = "") -> dict[str, slice]:
    """Scene name -> its pictures; `shard-0000`, ..., or named by the picture's stem when `size` is 1.

    Args:
        stems: of all pictures, in order.
        prefix: put before the names.
    """
    if size == 1:
        names = layout.scene_names_for([prefix + stem for stem in stems])
        return {name: slice(at, at + 1) for at, name in enumerate(names)}
    starts = range(0, len(stems), size)
    shards = {f"{prefix}shard-{number:04d}": slice(at, at + size) for number, at in enumerate(starts)}
    return {name: shards[source] for name, source in layout.scene_names_for(shards).items()}
