"""A scene's embedded masks as the codec takes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from segassets.errors import BadInput, MissingInput
from segassets.learning.codec_masks import Masks
from segassets.lifting.stored_embeddings import load_mask_embeddings


def embedded_masks(folder: Path) -> Masks:
    """The masks of a mask_embeddings artifact; an object is a track, a mask without one is its own.

    Raises:
        BadInput: it holds no embeddings.
    """
    stored = load_mask_embeddings(folder)
    table, embeddings = stored.masks, stored.vectors
    if not len(embeddings):
        raise BadInput(f"{folder}: expected embeddings to compress, found none: the scene has no masks")
    track, mask = (table.column(name).to_numpy() for name in ("track_id", "mask_id"))
    return Masks(embeddings, table.column("frame").to_numpy(), np.where(track > 0, track, -mask))


def in_order_of_embeddings(masks: pa.Table | None, folder: Path) -> pa.Table:
    """The rows of a mask table that were embedded, in the order of their embeddings.

    Raises:
        MissingInput: the table is not there, or lacks one of the masks; says what to make again.
    """
    wanted = load_mask_embeddings(folder).masks.column("mask_id").to_numpy()
    own = np.zeros(0, np.int64) if masks is None else masks.column("mask_id").to_numpy()
    order = np.argsort(own, kind="stable")
    place = np.searchsorted(own[order], wanted)
    found = place < len(own)
    found[found] = own[order][place[found]] == wanted[found]
    if masks is None or not found.all():
        raise MissingInput(
            f"expected the {len(wanted)} masks that were embedded, found {int(found.sum())}; make mask_embeddings again"
        )
    return masks.take(order[place])
