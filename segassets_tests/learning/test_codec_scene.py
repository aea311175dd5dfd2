"""Embedded masks as the codec takes them, in the order of their embeddings whatever the order of the masks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from segassets.errors import BadInput, MissingInput
from segassets.learning.codec_scene import embedded_masks, in_order_of_embeddings
from segassets.lifting.embeddings import MaskVectors, TrackVectors
from segassets.lifting.stored_embeddings import save_embeddings
from segassets_tests.exports.made_language import unit
from segassets_tests.made_scene import SCENE, track_table


def store(folder: Path, table: pa.Table) -> np.ndarray:
    vectors = unit(np.random.default_rng(0).normal(size=(max(table.num_rows, 1), 6)))[: table.num_rows]
    save_embeddings(folder, SCENE, MaskVectors(table, vectors), TrackVectors([], [], [], vectors[:0]))
    return vectors


def test_rows_follow_the_embeddings(tmp_path: Path) -> None:
    table = track_table()
    shuffled = table.take(np.random.default_rng(1).permutation(table.num_rows))
    vectors = store(tmp_path, shuffled.slice(0, 9))
    masks = embedded_masks(tmp_path)
    np.testing.assert_array_equal(masks.embeddings, vectors)
    np.testing.assert_array_equal(masks.object_id, shuffled.slice(0, 9).column("track_id").to_numpy())
    found = in_order_of_embeddings(table, tmp_path)
    assert found.column("mask_id").to_pylist() == shuffled.slice(0, 9).column("mask_id").to_pylist()


def test_masks_without_tracks_are_objects_of_their_own(tmp_path: Path) -> None:
    table = track_table()
    place = table.column_names.index("track_id")
    store(tmp_path, table.set_column(place, table.schema.field(place), pa.array([0] * table.num_rows)))
    assert len(np.unique(embedded_masks(tmp_path).object_id)) == table.num_rows


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    store(tmp_path, track_table())
    with pytest.raises(MissingInput, match="expected the 12 masks that were embedded, found 3"):
        in_order_of_embeddings(track_table().slice(0, 3), tmp_path)
    with pytest.raises(MissingInput, match="found 0"):
        in_order_of_embeddings(None, tmp_path)
    store(tmp_path, track_table().slice(0, 0))
    with pytest.raises(BadInput, match="the scene has no masks"):
        embedded_masks(tmp_path)
