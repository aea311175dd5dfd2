"""Embeddings and codes as exports read them: rows of arrays by mask."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from segassets.errors import BadInput
from segassets.exports.source import ExportSource


@dataclass(frozen=True)
class StoredRows:
    """A row for each of N masks.

    Attributes:
        mask_id: (N,) ascending.
        values: (N, D) float32.
    """

    mask_id: np.ndarray
    values: np.ndarray

    def of(self, mask_id: np.ndarray) -> np.ndarray | None:
        """The rows of masks (M, D); None where one has none."""
        place = np.clip(np.searchsorted(self.mask_id, mask_id), 0, max(len(self.mask_id) - 1, 0))
        if not len(self.mask_id) or (self.mask_id[place] != mask_id).any():
            return None
        return self.values[place]


def stored_rows(source: ExportSource, masks: str) -> tuple[StoredRows | None, StoredRows | None]:
    """Embeddings and codes of the masks of an asset; None for what has not been made, or of other masks."""
    if not source.has("mask_embeddings"):
        return None, None
    embedded = source.artifact("mask_embeddings")
    if embedded.provenance.config["masks"] != masks:
        return None, None
    mask_id = pq.read_table(embedded.path / "masks.parquet", columns=["mask_id"]).column("mask_id").to_numpy()
    clip = _rows(embedded.path / "embeddings.npy", mask_id)
    if not source.has("language_codec"):
        return clip, None
    return clip, _rows(source.artifact("language_codec").path / "codes.npy", mask_id)


def _rows(path: Path, mask_id: np.ndarray) -> StoredRows:
    values = np.load(path, allow_pickle=False)
    if values.ndim != 2 or len(values) != len(mask_id):
        raise BadInput(f"{path}: expected a row for each of {len(mask_id)} masks, found {values.shape}")
    order = np.argsort(mask_id, kind="stable")
    return StoredRows(mask_id[order], values[order].astype(np.float32))
