"""Vectors of masks by a small network of random values: order, batches, pooling, what is stored and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from segassets.datasets.frames import FrameSource
from segassets.errors import BadInput
from segassets.lifting.embeddings import chosen_masks, embed_masks, pool_tracks, pooled
from segassets.lifting.embeddings_config import EmbeddingsConfig
from segassets.lifting.stored_embeddings import load_mask_embeddings, pooled_for, save_embeddings
from segassets.masks import rle
from segassets.masks.schemas import FRAMES
from segassets.masks.table import MaskRows, empty_masks
from segassets.models.embedding.crops import masked_crop
from segassets.models.load import load_model
from segassets.models.protocols import Embedder
from segassets_tests.deployment import tiny_embedding_spec

HEIGHT, WIDTH = 40, 50


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    found: Embedder = load_model(tiny_embedding_spec(), "cpu")
    return found


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> FrameSource:
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    rows = []
    for frame in range(3):
        Image.fromarray(rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)).save(
            folder / f"{frame}.png"
        )
        row = dict.fromkeys(FRAMES.names) | {"scene": "made", "frame": frame, "source_frame": frame}
        rows.append(row | {"uri": f"{frame}.png", "height": HEIGHT, "width": WIDTH, "annotated": False})
    return FrameSource(pa.Table.from_pylist(rows, schema=FRAMES), str(folder))


def table() -> pa.Table:
    """Masks of two tracks on three frames, one of a pixel, one of the whole frame, one without a track."""
    rows = MaskRows("made")
    for frame, track, box in (
        (1, 1, (0, 0, 10, 10)), (0, 1, (5, 5, 30, 20)), (2, 1, (3, 4, 4, 5)), (0, 2, (0, 0, HEIGHT, WIDTH)),
        (2, 2, (0, 0, 20, 20)), (1, 0, (8, 8, 20, 30)),
    ):  # fmt: skip
        mask = np.zeros((HEIGHT, WIDTH), bool)
        mask[box[0] : box[2], box[1] : box[3]] = True
        rows.add(
            frame=frame, source_frame=frame, height=HEIGHT, width=WIDTH, rle_counts=rle.encode(mask),
            source="track", track_id=track,
        )  # fmt: skip
    return rows.to_table()


def test_every_mask_has_the_vector_of_its_own_crop(source: FrameSource, embedder: Embedder) -> None:
    found = embed_masks(source, table(), embedder, EmbeddingsConfig(batch_size=2))
    assert found.masks.column("frame").to_pylist() == [0, 0, 1, 1, 2, 2] and found.vectors.shape == (
        6,
        embedder.dim,
    )
    for row, vector in zip(found.masks.to_pylist(), found.vectors, strict=True):
        mask = rle.decode(row["rle_counts"], HEIGHT, WIDTH)
        crop = masked_crop(source.read(row["frame"]), mask)
        assert np.allclose(embedder.embed_pictures([crop])[0], vector, atol=1e-5)
    whole = embed_masks(source, table(), embedder, EmbeddingsConfig(batch_size=64))
    assert np.allclose(whole.vectors, found.vectors, atol=1e-5)
    assert np.allclose(np.linalg.norm(found.vectors, axis=1), 1, atol=1e-5)


def test_only_the_largest_views(source: FrameSource) -> None:
    chosen = chosen_masks(table(), EmbeddingsConfig(views_per_track=1))
    assert sorted(chosen.column("mask_id").to_pylist()) == [2, 4, 6]  # what has no track stays
    assert chosen_masks(table(), EmbeddingsConfig(levels=[4])).num_rows == 0
    assert chosen_masks(empty_masks(), EmbeddingsConfig(views_per_track=2)).num_rows == 0


def test_tracks_are_pooled_by_area(source: FrameSource, embedder: Embedder) -> None:
    found = embed_masks(source, table(), embedder, EmbeddingsConfig())
    tracks = pool_tracks(found, 2)
    assert (
        tracks.track_ids.tolist() == [1, 2]
        and tracks.mask_ids == [[2, 1], [4, 5]]
        and tracks.frames == [[0, 1], [0, 2]]
    )
    of = dict(zip(found.masks.column("mask_id").to_pylist(), found.vectors.astype(np.float64), strict=True))
    mean = 375 * of[2] + 100 * of[1]
    assert np.allclose(tracks.vectors[0], mean / np.linalg.norm(mean), atol=1e-5)
    assert np.array_equal(pooled(np.array([[1.0, 0], [-1, 0]]), [1, 1]), [0, 0])


def test_no_masks(source: FrameSource, embedder: Embedder) -> None:
    found = embed_masks(source, empty_masks(), embedder, EmbeddingsConfig())
    assert found.vectors.shape == (0, embedder.dim) and pool_tracks(found, 3).vectors.shape == (
        0,
        embedder.dim,
    )


def test_an_empty_mask_is_named(source: FrameSource, embedder: Embedder) -> None:
    rows = table()
    at = rows.schema.get_field_index("rle_counts")
    texts = [rle.encode(np.zeros((HEIGHT, WIDTH), bool)), *rows.column("rle_counts").to_pylist()[1:]]
    broken = rows.set_column(at, rows.schema.field(at), pa.array(texts))
    with pytest.raises(BadInput, match=r"scene made, frame 1, mask 1: .*at least one pixel"):
        embed_masks(source, broken, embedder, EmbeddingsConfig())


def test_what_is_stored_is_read_back(source: FrameSource, embedder: Embedder, tmp_path: Path) -> None:
    found = embed_masks(source, table(), embedder, EmbeddingsConfig())
    tracks = pool_tracks(found, 5)
    save_embeddings(tmp_path, "made", found, tracks)
    stored = load_mask_embeddings(tmp_path)
    assert np.array_equal(np.load(tmp_path / "embeddings.npy", allow_pickle=False), found.vectors)
    assert pq.read_table(tmp_path / "tracks.parquet").column("mask_ids").to_pylist() == tracks.mask_ids
    groups = pooled_for(stored, [[1], [1, 2], [6], [99]], 5)  # mask 6 has no track: it stands for itself
    assert np.allclose(groups[0], tracks.vectors[0], atol=1e-5) and np.allclose(groups[3], 0)
    assert np.allclose(np.linalg.norm(groups[:3], axis=1), 1, atol=1e-5)
    np.save(tmp_path / "embeddings.npy", found.vectors[:-1])
    with pytest.raises(BadInput, match="expected 6 rows"):
        load_mask_embeddings(tmp_path)
