"""The recipes of nano-depth and nano-clip: a few seconds of each, what they leave, and what they are held to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
import torch.nn.functional as F

from segassets.errors import BadConfig
from segassets.learning.depth_loop import depth_loss, draw_crop, whole_view
from segassets.learning.experiment import Experiment, load_experiment
from segassets.learning.room_views import RoomViews, view_arrays
from segassets.learning.train import train_experiment
from segassets.learning.words_loop import Look, Said, both_ways, draw_caption, wording
from segassets.models.load import load_model
from segassets.models.registry import load_spec
from segassets.strict import parse


def _experiment(recipe: str, model: str, **changes: object) -> Experiment:
    section = {
        "minutes": 0.02, "rooms": {"count": 1, "check_count": 1}, "batch": 2, "small_size_px": 64, "small_share": 1.0,
        **changes,
    }  # fmt: skip
    values = {"name": "small", "recipe": recipe, "model": model, "image_size": 64, "views": section}
    return parse(Experiment, values, "small.yaml")


@pytest.mark.parametrize(
    ("recipe", "model", "figure"),
    [
        ("depth_from_rooms", "nano-depth", "check_abs_rel"),
        ("words_from_rooms", "nano-clip", "check_category"),
    ],
)
def test_trains_and_leaves_a_model(recipe: str, model: str, figure: str, tmp_path: Path) -> None:
    made = train_experiment(_experiment(recipe, model), tmp_path, progress=lambda done, total, note="": None)
    assert made.figures["steps"] > 0
    assert figure.replace("check_", "check/") in set(pq.read_table(made.curves).column("metric").to_pylist())
    trained = load_model(load_spec(str(made.model_file)), "cpu")
    picture = np.full((40, 40, 3), 90, np.uint8)
    found = trained.estimate(picture) if model == "nano-depth" else trained.embed_pictures([picture])
    assert np.isfinite(found).all()


@pytest.mark.parametrize("name", ["nano_depth", "nano_clip"])
def test_the_experiments_of_the_shipped_weights_load(name: str) -> None:
    assert load_experiment(name).views is not None


def test_a_model_of_another_family_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match=r"'model'.*family depth.*'nano'"):
        train_experiment(_experiment("depth_from_rooms", "nano"), tmp_path)
    with pytest.raises(BadConfig, match="views"):
        parse(Experiment, {"name": "x", "recipe": "depth_from_rooms"}, "x.yaml")


@pytest.fixture(scope="module")
def room() -> RoomViews:
    arrays = view_arrays(77)
    return RoomViews(**{**arrays, "focal_px": float(arrays["focal_px"])})


def test_a_crop_keeps_the_geometry_of_its_view(room: RoomViews) -> None:
    """Depth at a pixel, and the ray through it, are those of the whole view."""
    rng = np.random.default_rng(0)
    whole = whole_view(room, 0, 256)
    assert whole.centre_px.tolist() == [[128, 128]] and float(whole.focal_px) == pytest.approx(room.focal_px)
    for _ in range(8):
        crop = draw_crop(room, rng, 128)
        # the crop's corner rays lie inside the view's, whatever was cut or mirrored
        for axis in (0, 1):
            centre, focal = float(crop.centre_px[0, axis]), float(crop.focal_px)
            edges = [(edge - centre) / focal for edge in (0, 128)]
            assert all(abs(edge) <= 128 / room.focal_px + 1e-4 for edge in edges)
        assert crop.depth_m.min() >= room.depth_mm.min() / 1000 and crop.picture.shape == (1, 3, 128, 128)


def test_depth_loss_is_zero_for_the_truth_and_tells_edges_from_scale() -> None:
    truth = torch.rand(2, 1, 16, 16)
    assert [float(part) for part in depth_loss(truth, truth)] == [0, 0]
    error, edges = depth_loss(truth + 0.3, truth)
    assert float(error) == pytest.approx(0.3, abs=1e-6) and float(edges) == pytest.approx(0, abs=1e-6)


def test_captions_are_true_of_what_they_are_drawn_from() -> None:
    rng, look = np.random.default_rng(1), Look("red", "striped", "box")
    said = [draw_caption(look, rng) for _ in range(200)]
    assert all(one.true_of(look) for one in said)
    assert {one.text for one in said} >= {
        "the red striped box",
        "the red thing",
        "the striped thing",
        "the box",
    }
    assert not any(one.true_of(Look("blue", "dotted", "cup")) for one in said if one.text != "the thing")


@pytest.mark.parametrize(
    ("colour", "pattern", "category", "text"),
    [
        ("blue", "dotted", "plant", "the plant in a blue dotted pot"),
        ("", "", "", "the thing"),
        ("", "", "books", "the stack of books"),
        ("red", "plain", "", "the red plain thing"),
    ],
)
def test_wording(colour: str, pattern: str, category: str, text: str) -> None:
    assert wording(colour, pattern, category) == text
    assert Said(text, colour, pattern, category).true_of(Look(colour, pattern, category))


def test_one_right_answer_is_the_usual_cross_entropy() -> None:
    logits = torch.randn(5, 5)
    numbers = torch.arange(5)
    wanted = (F.cross_entropy(logits, numbers) + F.cross_entropy(logits.T, numbers)) / 2
    assert float(both_ways(logits, torch.eye(5))) == pytest.approx(float(wanted))
