"""One vector for each mask, cropped as LangSplat crops, and one for each track, pooled over its best views."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segassets.datasets.frames import FrameSource
from segassets.errors import BadInput
from segassets.lifting.embeddings_config import EmbeddingsConfig
from segassets.masks import rle
from segassets.models.embedding.crops import masked_crop
from segassets.models.protocols import Embedder
from segassets.runtime.progress import Progress


@dataclass(frozen=True)
class MaskVectors:
    """Vectors of a scene's masks.

    Attributes:
        masks: schema MASKS, those that were embedded, by frame.
        vectors: (N, dim) float32, rows of length 1, in their order.
    """

    masks: pa.Table
    vectors: np.ndarray


@dataclass(frozen=True)
class TrackVectors:
    """Vectors of a scene's tracks, ascending by id.

    Attributes:
        track_ids: (T,) int64.
        mask_ids: the masks each was pooled over, the largest first.
        frames: the frames of these masks.
        vectors: (T, dim) float32, rows of length 1.
    """

    track_ids: np.ndarray
    mask_ids: list[list[int]]
    frames: list[list[int]]
    vectors: np.ndarray


def embed_masks(
    source: FrameSource,
    masks: pa.Table,
    embedder: Embedder,
    config: EmbeddingsConfig,
    progress: Progress | None = None,
) -> MaskVectors:
    """A vector for each mask of a table; crops of neighbouring frames share batches, few pictures are in memory.

    Raises:
        BadInput: a mask is empty or not of its frame's size, or the network gave numbers that are not finite.
    """
    chosen = chosen_masks(masks, config).sort_by([("frame", "ascending"), ("mask_id", "ascending")])
    rows = [np.zeros((0, embedder.dim), np.float32)]
    for batch in _batches(_crops(source, chosen, progress), config.batch_size):
        rows.append(embedder.embed_pictures(batch))
    vectors = np.concatenate(rows)
    if not np.isfinite(vectors).all():
        raise BadInput(f"scene {source.scene}: expected finite vectors from {embedder.name}, found others")
    return MaskVectors(chosen, vectors)


def chosen_masks(masks: pa.Table, config: EmbeddingsConfig) -> pa.Table:
    """The masks that are embedded: of the levels asked for, and of each track the largest `views_per_track`."""
    if config.levels is not None:
        masks = masks.filter(pc.is_in(masks.column("level"), pa.array(config.levels, pa.int8())))
    if config.views_per_track is None or masks.num_rows == 0:
        return masks
    tracks, areas = (masks.column(name).to_numpy() for name in ("track_id", "area"))
    order = np.lexsort((np.arange(len(tracks)), -areas, tracks))
    _, first, inverse = np.unique(tracks[order], return_index=True, return_inverse=True)
    place = np.arange(len(order)) - first[inverse]
    keep = np.zeros(len(tracks), bool)
    keep[order[place < config.views_per_track]] = True
    return masks.filter(pa.array(keep | (tracks == 0)))


def _crops(source: FrameSource, masks: pa.Table, progress: Progress | None) -> Iterator[np.ndarray]:
    """Crops in order of the table, which is in order of frame."""
    frames = masks.column("frame").to_numpy()
    wanted, starts = np.unique(frames, return_index=True)
    ends = [*starts[1:].tolist(), len(frames)]
    for at, (frame, rgb) in enumerate(source.iterate(wanted.tolist())):
        own = masks.slice(int(starts[at]), ends[at] - int(starts[at])).to_pylist()
        for row in own:
            try:
                yield masked_crop(rgb, rle.decode(row["rle_counts"], row["height"], row["width"]))
            except BadInput as error:
                where = f"scene {source.scene}, frame {frame}, mask {row['mask_id']}"
                raise BadInput(f"{where}: {error}") from error
        if progress is not None:
            progress(at + 1, len(wanted), f"{ends[at]} masks")


def _batches(crops: Iterable[np.ndarray], size: int) -> Iterator[list[np.ndarray]]:
    batch: list[np.ndarray] = []
    for crop in crops:
        batch.append(crop)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def pool_tracks(found: MaskVectors, views: int) -> TrackVectors:
    """Vectors of tracks: the mean over each one's largest masks, weighted by area, of length 1.

    Masks without a track have none.
    """
    names = ("track_id", "mask_id", "frame", "area")
    by_track: dict[int, list[tuple[int, int, int, int]]] = defaultdict(list)
    for at, (track, mask, frame, area) in enumerate(
        zip(*(found.masks.column(name).to_pylist() for name in names), strict=True)
    ):
        if track > 0:
            by_track[track].append((-area, mask, frame, at))
    tracks = sorted(by_track)
    best = {track: sorted(by_track[track])[:views] for track in tracks}
    vectors = np.zeros((len(tracks), found.vectors.shape[1]), np.float32)
    for row, track in enumerate(tracks):
        areas, places = [-item[0] for item in best[track]], [item[3] for item in best[track]]
        vectors[row] = pooled(found.vectors[places], areas)
    return TrackVectors(
        np.array(tracks, np.int64),
        [[item[1] for item in best[track]] for track in tracks],
        [[item[2] for item in best[track]] for track in tracks],
        vectors,
    )


def pooled(vectors: np.ndarray, areas: Sequence[float]) -> np.ndarray:
    """(dim,) mean of vectors (N, dim) weighted by area, of length 1; zeros where they cancel out."""
    mean = np.average(vectors.astype(np.float64), axis=0, weights=areas)
    length = float(np.linalg.norm(mean))
    return (mean / length if length > 1e-9 else np.zeros_like(mean)).astype(np.float32)
