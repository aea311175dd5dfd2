"""Depth, points, Gaussians, render sets and views of a whole scene, and what becomes of input that is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from segassets.datasets.annotations import annotation_table
from segassets.datasets.frames import FrameSource, frames_table
from segassets.datasets.scene import Scene
from segassets.errors import BadInput, MissingInput
from segassets.geometry.gaussians import load_gaussians
from segassets.geometry.points import load_points
from segassets.geometry.stored_lift import (
    DENSE_FILE,
    LIFTED_FILE,
    MASK_GAUSSIANS_FILE,
    OBJECTS_FILE,
    lifted_frames,
    load_cloud,
    load_record,
    points_path,
)
from segassets.lifting.config import DepthConfig, LiftConfig, RenderingConfig
from segassets.lifting.depth import depth_map
from segassets.lifting.depth_maps import chosen_frames, make_depth_maps
from segassets.lifting.frame_pairs import scene_agreement
from segassets.lifting.looks import look_at_gaussians, look_at_points, look_at_render_sets
from segassets.lifting.novel_views import VIEWS_FILE, psnr, write_novel_views
from segassets.lifting.render_sets import from_plain, load_render_set, write_render_sets
from segassets.lifting.resolve import resolve_depth
from segassets.lifting.scene import lift_scene
from segassets.lifting.scene_gaussians import joined, write_scene_gaussians
from segassets.lifting.scene_lift import SceneLift, write_scene_lift
from segassets.lifting.stored_depth import load_depth, load_rows
from segassets.masks.schemas import LIFTED_MASKS
from segassets.masks.table import read_table
from segassets.media.pictures import read_picture
from segassets_tests.lifted_scene import make_room


class Slope:
    """A network that tells the same slope for every picture, of a kind."""

    name = "slope"

    def __init__(self, kind: str, values: np.ndarray | None = None) -> None:
        self.kind, self.values = kind, values
        self.focal_px: list[float | None] = []

    def estimate(self, rgb: np.ndarray, focal_px: float | None = None) -> np.ndarray:
        self.focal_px.append(focal_px)
        if self.values is not None:
            return self.values
        height, width = rgb.shape[:2]
        return np.linspace(1, 2, height * width, dtype=np.float32).reshape(height, width)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return make_room(tmp_path_factory.mktemp("rooms"), 5)


def source_of(scene: Scene, **replaced: list[Any]) -> FrameSource:
    table = frames_table(scene)
    for name, column in replaced.items():
        at = table.schema.get_field_index(name)
        table = table.set_column(at, table.schema.field(at), pa.array(column, table.schema.field(at).type))
    return FrameSource(table, scene.root)


def lift(
    scene: Scene, folder: Path, config: LiftConfig | None = None, depth: dict | None = None,
    network: Slope | None = None, **replaced: list[Any],
) -> SceneLift:  # fmt: skip
    """Depth in `folder/depth`, lift in `folder/lift`."""
    source = source_of(scene, **replaced)
    estimator = None if network is None else lambda: network
    make_depth_maps(source, scene.root, folder / "depth", DepthConfig(**(depth or {})), estimator)
    masks = ("coco_masks", annotation_table(scene).table)
    return write_scene_lift(source, folder / "depth", masks, folder / "lift", config or LiftConfig())


@pytest.fixture(scope="module")
def lifted(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lifted")
    lift(scene, folder, LiftConfig(max_points=12000))
    write_scene_gaussians(folder / "lift", folder / "gaussians", LiftConfig())
    return folder


def test_a_scene_with_a_sensor(scene: Scene, lifted: Path) -> None:
    rows = load_rows(lifted / "depth")
    assert list(rows) == [0, 1, 2, 3, 4] and {row["source"] for row in rows.values()} == {"sensor"}
    record, cloud = load_record(lifted / "lift"), load_cloud(lifted / "lift")
    assert (record["space"], record["unit"], record["held_out_frame"]) == ("world", "m", 2)
    assert record["points"] == len(cloud) <= 12000 and record["agreement"] > 0.95
    masks = read_table(lifted / "lift" / LIFTED_FILE, LIFTED_MASKS).to_pylist()
    assert len(masks) == annotation_table(scene).table.num_rows - sum(
        level > 2 for level in annotation_table(scene).table.column("level").to_pylist()
    )
    kept = {row["mask_id"] for row in masks if not row["excluded"]}
    assert kept == set(load_gaussians(lifted / "lift" / MASK_GAUSSIANS_FILE).object_id.tolist())
    assert set(np.unique(cloud.mask_id)) <= kept | {0}
    dense, objects = (load_gaussians(lifted / "gaussians" / name) for name in (DENSE_FILE, OBJECTS_FILE))
    assert np.array_equal(dense.xyz, cloud.xyz)
    assert set(objects.object_id.tolist()) == {row["track_id"] for row in masks if not row["excluded"]}
    for at, name in enumerate(objects.object_id):  # the object's points lie about its Gaussian
        own = dense.xyz[dense.object_id == name]
        if len(own) > 30:
            assert np.linalg.norm(own.mean(0) - objects.xyz[at]) < 3 * np.exp(objects.log_scale[at].max())


def test_moments_of_a_mixture_are_those_of_all_points() -> None:
    rng = np.random.default_rng(0)
    from segassets.geometry.points import PointCloud
    from segassets.lifting.gaussians import gaussians_of_masks

    xyz = (rng.normal(size=(90, 3)) * (1, 2, 0.5) + 3).astype(np.float32)
    cloud = PointCloud(
        xyz, rng.integers(0, 256, xyz.shape).astype(np.uint8), np.zeros(90, np.int32), np.zeros(90, np.int64)
    )
    parts = gaussians_of_masks(cloud, {7: np.arange(30), 8: np.arange(30, 90)})
    object.__setattr__(parts, "object_id", np.array([5, 5]))
    one, whole = joined(parts, [30, 60]), gaussians_of_masks(cloud, {5: np.arange(90)})
    assert np.allclose(one.xyz, whole.xyz, atol=1e-5) and np.allclose(one.f_dc, whole.f_dc, atol=1e-4)
    assert np.allclose(one.covariances(), np.cov(xyz.T, bias=True), atol=1e-4)


def test_points_without_the_held_out_frame_are_those_of_a_scene_without_it(
    scene: Scene, lifted: Path, tmp_path: Path
) -> None:
    """No cell lacks a point because the held-out frame had one there."""
    record = load_record(lifted / "lift")
    others = load_cloud(lifted / "lift")
    others = others.take(others.frame != 2)
    assert 2 in lifted_frames(lifted / "lift") or record["cell"] is not None
    cells = np.floor((others.xyz - others.xyz.min(0)) / record["cell"])
    assert len(np.unique(cells, axis=0)) > 0.9 * len(others)
    views = write_novel_views(
        source_of(scene), lifted / "lift", lifted / "gaussians", tmp_path, RenderingConfig()
    )
    assert views.psnr is not None and views.psnr_nearest is not None and views.psnr > views.psnr_nearest
    assert [view["kind"] for view in views.views] == ["held_out", "left", "right", "above"]
    content = json.loads((tmp_path / VIEWS_FILE).read_text())
    for view in content["views"]:
        picture = read_picture(tmp_path / view["file"])
        assert picture.shape == (view["height"], view["width"], 3) and view["covered"] > 0.7
    again = psnr(read_picture(tmp_path / "held_out_000002.png"), source_of(scene).read(2))
    assert abs(again - views.psnr) < 0.01


def test_sets_to_render_from(scene: Scene, lifted: Path, tmp_path: Path) -> None:
    frames = frames_table(scene)
    config = RenderingConfig(resolutions=[32, 160])
    found = write_render_sets(frames, lifted / "lift", lifted / "gaussians", tmp_path, config)
    assert [item["side"] for item in found] == [32, 160] and found[0]["dense"] < found[1]["dense"]
    row = frames.to_pylist()[0]
    for side in (32, 160):
        arrays = load_render_set(tmp_path, side)
        assert arrays["size_hw"][0].tolist() == [round(64 * side / 80), side]
        wanted = np.array([row[name] for name in ("fx_px", "fy_px", "cx_px", "cy_px")]) * side / 80
        assert np.allclose(arrays["intrinsics"][0], wanted, rtol=0.02)
        assert np.allclose(arrays["camera_to_world"][0].ravel(), row["camera_to_world"], atol=1e-6)
        assert arrays["dense/opacity"].max() < 1 and arrays["dense/scale"].min() > 0
        assert np.allclose(np.linalg.norm(arrays["objects/rotation"], axis=1), 1, atol=1e-5)
    with pytest.raises(BadInput, match="render set"):
        load_render_set(tmp_path, 64)


def test_what_is_shown_in_passing(scene: Scene, lifted: Path) -> None:
    frames = frames_table(scene)
    shown = look_at_points(frames, lifted / "lift")
    shown += look_at_gaussians(frames, lifted / "lift", lifted / "gaussians")
    assert len(shown) == 4 and all(picture.any() for _, picture in shown)


def test_render_sets_are_seen_as_they_were_rendered(scene: Scene, lifted: Path, tmp_path: Path) -> None:
    """What a set holds in plain numbers is what the Gaussians were: from its camera it looks like the frame."""
    config = RenderingConfig(resolutions=[32, 80])
    write_render_sets(frames_table(scene), lifted / "lift", lifted / "gaussians", tmp_path, config)
    dense = load_gaussians(lifted / "gaussians" / DENSE_FILE)
    again = from_plain(load_render_set(tmp_path, 80), "objects")
    objects = load_gaussians(lifted / "gaussians" / OBJECTS_FILE)
    for name in ("xyz", "f_dc", "opacity_logit", "log_scale", "object_id"):
        assert np.allclose(getattr(again, name), getattr(objects, name), atol=1e-4)
    (small, first), (large, second) = look_at_render_sets(tmp_path, [32, 80])
    assert first.shape[1] == 32 and second.shape[1] == 80 and small.startswith("32 px: ")
    assert int(small.split()[-1]) < int(large.split()[-1]) <= len(dense)
    pictures = FrameSource(frames_table(scene), scene.root).iterate([0, 1, 2, 3, 4])
    likeness = [np.corrcoef(second.ravel(), rgb.ravel())[0, 1] for _, rgb in pictures]
    assert np.argmax(likeness) == 2 and max(likeness) > 0.6  # darker than the picture: they begin transparent


@pytest.mark.parametrize(
    ("kind", "options", "unit", "excluded"),
    [
        ("relative_inverse", {}, "none", {"relative_depth": 5}),
        ("relative_inverse", {"arbitrary_scale": True}, "arbitrary", {}),
        ("disparity", {"depth_range_m": [1.0, 4.0]}, "m", {}),
        (
            "relative_inverse",
            {"known_points": [[1, 3, 3, 4.0], [1, 70, 60, 1.0]]},
            "m",
            {"relative_depth": 4},
        ),
        ("metric", {}, "m", {}),
    ],
)
def test_a_models_depth(
    scene: Scene, tmp_path: Path, kind: str, options: dict, unit: str, excluded: dict
) -> None:
    found = lift(scene, tmp_path, depth={"source": "model", **options}, network=Slope(kind))
    record = found.record
    assert record["unit"] == unit and record["frames"] == 5 - sum(excluded.values())
    assert {name: count for name, count in record["excluded"].items() if name == "relative_depth"} == excluded
    assert (record["space"] == "world") == (unit == "m")
    assert {row["source"] for row in load_rows(tmp_path / "depth").values()} == {"slope"}
    reasons = {row["excluded"] for row in found.masks}
    assert ("frame_without_points" in reasons) == bool(excluded)
    gaussians = write_scene_gaussians(tmp_path / "lift", tmp_path / "gaussians", LiftConfig())
    config = RenderingConfig(frames=1, max_side_px=32, resolutions=[32])
    views = write_novel_views(
        source_of(scene), tmp_path / "lift", tmp_path / "gaussians", tmp_path / "views", config
    )
    assert bool(views.views) == (unit != "none") == bool(len(gaussians[0])) and bool(views.reason) == (
        unit == "none"
    )
    write_render_sets(
        frames_table(scene), tmp_path / "lift", tmp_path / "gaussians", tmp_path / "sets", config
    )
    look_at_gaussians(frames_table(scene), tmp_path / "lift", tmp_path / "gaussians")


def test_a_models_depth_fitted_to_the_sensors(scene: Scene, tmp_path: Path) -> None:
    source = source_of(scene)
    make_depth_maps(source, scene.root, tmp_path / "sensor", DepthConfig())
    truth = load_depth(tmp_path / "sensor", load_rows(tmp_path / "sensor")[0])
    assert truth is not None
    inverse = np.where(truth.valid, 3 / np.maximum(truth.z, 0.1) - 0.4, 0).astype(np.float32)
    for kind, values in (("relative_inverse", inverse), ("metric", truth.z * 0.5 + 0.2)):
        config = DepthConfig(source="model", align_to_sensor=True, max_frames=1)
        make_depth_maps(source, scene.root, tmp_path / kind, config, lambda k=kind, v=values: Slope(k, v))
        row = load_rows(tmp_path / kind)[0]
        found = load_depth(tmp_path / kind, row)
        assert found is not None and np.allclose(found.z[truth.valid], truth.z[truth.valid], rtol=5e-3)
        assert row["method"] == "points" and row["points_used"] > 100 and row["residual"] < 5e-3
    with pytest.raises(BadInput, match="runs against"):
        make_depth_maps(source, scene.root, tmp_path / "wrong", config, lambda: Slope("metric", inverse))


def test_wrong_input(scene: Scene, tmp_path: Path) -> None:
    rows = frames_table(scene).to_pylist()
    mirrored = [np.diag([-1.0, 1, 1, 1]).ravel().tolist()] * 5
    with pytest.raises(BadInput, match=r"frame 0.*rigid"):
        lift(scene, tmp_path / "a", camera_to_world=mirrored)
    with pytest.raises(BadInput, match="positive, finite focal lengths"):
        lift(scene, tmp_path / "b", fx_px=[0.0] * 5)
    with pytest.raises(BadInput, match="declare a horizontal field of view"):
        lift(scene, tmp_path / "c", LiftConfig(fov_deg=None), fx_px=[None] * 5)
    with pytest.raises(BadInput, match="picture's size"):
        lift(
            scene,
            tmp_path / "d",
            depth={"source": "model"},
            network=Slope("metric", np.ones((3, 4), np.float32)),
        )
    with pytest.raises(BadInput, match="known_points name frame 9"):
        lift(scene, tmp_path / "e", depth={"known_points": [[9, 1, 1, 1.0]]})
    with pytest.raises(BadInput, match="no frame has sensor depth"):
        lift(scene, tmp_path / "f", depth={"source": "sensor"}, depth_uri=[None] * 5)
    found = lift(scene, tmp_path / "g", depth_uri=[None, *[row["depth_uri"] for row in rows[1:]]])
    assert json.loads((tmp_path / "g" / "depth" / "depth.json").read_text())["excluded"] == {"no_depth": 1}
    assert {row["excluded"] for row in found.masks if row["frame"] == 0} == {"frame_without_points"}
    nothing = lift(
        scene,
        tmp_path / "h",
        depth={"source": "model"},
        network=Slope("metric", np.full((64, 80), np.nan, np.float32)),
    )
    assert nothing.record["points"] == 0 and nothing.record["unit"] == "none"
    with pytest.raises(MissingInput, match="expected points"):
        load_cloud(tmp_path / "h" / "lift")
    constant = lift(
        scene,
        tmp_path / "i",
        depth={"source": "model", "arbitrary_scale": True},
        network=Slope("relative_inverse", np.ones((64, 80), np.float32)),
    )
    assert constant.record["frames"] == 0


def test_an_inverse_map_declared_metric_is_seen_between_frames(tmp_path: Path) -> None:
    scene = make_room(tmp_path / "rooms", 12)
    make_depth_maps(source_of(scene), scene.root, tmp_path / "sensor", DepthConfig())
    truth = {f: load_depth(tmp_path / "sensor", row) for f, row in load_rows(tmp_path / "sensor").items()}
    clouds, depths = {}, {}
    for frame, depth in truth.items():
        assert depth is not None
        depths[frame] = resolve_depth(depth_map(4 / np.maximum(depth.z, 0.2), "metric"), "here")
    lifts = lift_scene(source_of(scene), depths.items(), None, LiftConfig())
    clouds = {frame: lifted.cloud for frame, lifted in lifts}
    rows = frames_table(scene).to_pylist()
    share, points = scene_agreement(rows, clouds, depths.__getitem__, None)
    assert share is not None and share < 0.9 and points > 500


def test_frames_without_a_world_stay_apart(scene: Scene, tmp_path: Path) -> None:
    found = lift(scene, tmp_path, LiftConfig(max_points=500), camera_to_world=[None] * 5)
    assert found.record["space"] == "camera" and found.record["agreement"] is None
    clouds = [load_points(points_path(tmp_path / "lift", frame)) for frame in range(5)]
    assert all(0 < len(cloud) <= 500 for cloud in clouds)
    with pytest.raises(BadInput, match="world coordinates"):
        load_cloud(tmp_path / "lift")


@pytest.mark.parametrize(
    ("count", "most", "wanted"),
    [(0, 3, []), (1, 3, [0]), (5, 0, [0, 1, 2, 3, 4]), (9, 3, [0, 4, 8]), (4, 1, [0])],
)
def test_frames_that_are_chosen(count: int, most: int, wanted: list[int]) -> None:
    assert chosen_frames(count, most) == wanted


def test_a_metric_model_goes_by_the_focal_length(scene: Scene, tmp_path: Path) -> None:
    own = frames_table(scene).column("fx_px")[0].as_py()
    nothing = [None] * 5
    for name, fov, replaced, wanted in (
        ("own", 60.0, {}, own),
        ("declared", 90.0, {"fx_px": nothing}, 40.0),
        ("unknown", None, {"fx_px": nothing}, None),
    ):
        network = Slope("metric")
        config = DepthConfig(source="model", max_frames=1)
        make_depth_maps(
            source_of(scene, **replaced), scene.root, tmp_path / name, config, lambda n=network: n, fov
        )
        assert network.focal_px == pytest.approx([wanted]) if wanted else network.focal_px == [None]
