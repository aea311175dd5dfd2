"""Embeddings on disk: a table and an array of vectors in its order, for masks and for tracks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from segassets.errors import BadInput, MissingInput
from segassets.lifting.embeddings import MaskVectors, TrackVectors, pooled
from segassets.masks.schemas import MASK_EMBEDDINGS, TRACK_EMBEDDINGS
from segassets.masks.table import read_table, write_table

MASKS_TABLE, MASK_ROWS = "masks.parquet", "embeddings.npy"
TRACKS_TABLE, TRACK_ROWS = "tracks.parquet", "track_embeddings.npy"


def save_embeddings(folder: Path, scene: str, masks: MaskVectors, tracks: TrackVectors) -> None:
    """Write a scene's vectors."""
    write_table(
        masks.masks.select(MASK_EMBEDDINGS.names).cast(MASK_EMBEDDINGS), MASK_EMBEDDINGS, folder / MASKS_TABLE
    )
    columns = {
        "scene": [scene] * len(tracks.track_ids),
        "track_id": tracks.track_ids,
        "views": tracks.frames,
        "mask_ids": tracks.mask_ids,
    }
    write_table(pa.table(columns, schema=TRACK_EMBEDDINGS), TRACK_EMBEDDINGS, folder / TRACKS_TABLE)
    for name, rows in ((MASK_ROWS, masks.vectors), (TRACK_ROWS, tracks.vectors)):
        np.save(folder / name, np.ascontiguousarray(rows, np.float32), allow_pickle=False)


@dataclass(frozen=True)
class StoredEmbeddings:
    """Vectors of a scene as they lie on disk.

    Attributes:
        masks: schema MASK_EMBEDDINGS, and
        vectors: (N, dim) float32 in its order.
        tracks: schema TRACK_EMBEDDINGS, and
        track_vectors: (T, dim) float32 in its order.
    """

    masks: pa.Table
    vectors: np.ndarray
    tracks: pa.Table
    track_vectors: np.ndarray


def load_mask_embeddings(folder: Path) -> StoredEmbeddings:
    """Read `save_embeddings`.

    Raises:
        MissingInput: a file is not there.
        BadInput: vectors that are not finite, or not one for each row of their table.
    """
    masks = read_table(folder / MASKS_TABLE, MASK_EMBEDDINGS)
    tracks = read_table(folder / TRACKS_TABLE, TRACK_EMBEDDINGS)
    return StoredEmbeddings(
        masks, _rows(folder / MASK_ROWS, masks), tracks, _rows(folder / TRACK_ROWS, tracks)
    )


def _rows(path: Path, table: pa.Table) -> np.ndarray:
    try:
        found: np.ndarray = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise MissingInput(f"no vectors at {path}") from None
    except (OSError, ValueError, EOFError) as error:
        raise BadInput(f"{path}: expected vectors as npy, found {error}") from error
    if found.ndim != 2 or len(found) != table.num_rows or not np.isfinite(found).all():
        raise BadInput(
            f"{path}: expected {table.num_rows} rows of finite numbers, found an array {found.shape}"
        )
    return found


def pooled_for(stored: StoredEmbeddings, groups: Sequence[Sequence[int]], views: int) -> np.ndarray:
    """Vectors (N, dim) of instances, each given by its tracks: pooled over their largest masks together.

    An instance whose tracks have no embedded mask gets a row of zeros.
    """
    names = ("track_id", "mask_id", "area")
    tracks, ids, areas = (stored.masks.column(name).to_numpy() for name in names)
    own = np.where(tracks > 0, tracks, ids)
    found = np.zeros((len(groups), stored.vectors.shape[1]), np.float32)
    for row, group in enumerate(groups):
        places = np.flatnonzero(np.isin(own, list(group)))
        best = places[np.argsort(-areas[places], kind="stable")[:views]]
        if len(best):
            found[row] = pooled(stored.vectors[best], areas[best].tolist())
    return found
