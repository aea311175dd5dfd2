"""`language_codec` and `langsplat_export` made by their job, on a posed room and on pictures without poses.

What they wrote is read back with numpy, torch, safetensors and the readers of `foreign_readers`, against what stands in
the artifacts they were made from.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
import yaml
from PIL import Image
from pycocotools import mask as coco_mask
from safetensors.numpy import load_file
from typer.testing import CliRunner

from segassets.cli.app import app
from segassets.definitions import build_definitions
from segassets.geometry.gaussians import load_gaussians
from segassets.orchestration.partitions import register_scenes
from segassets.storage.store import ArtifactStore
from segassets_tests.deployment import Deployment, add_tiny_model, make_deployment
from segassets_tests.exports.foreign_readers import read_colmap_binary, read_ply

pytestmark = pytest.mark.filterwarnings("ignore")
ROOM, PICTURES = "made.room_0000", "shapes.shard-0000"
FOV_DEG = 45.0
SETTINGS = {
    "SEGASSETS_LIFT__MASKS": "coco_masks",
    "SEGASSETS_LIFT__FOV_DEG": str(FOV_DEG),
    "SEGASSETS_LIFT__MAX_POINTS": "3000",
    "SEGASSETS_EMBEDDINGS__MASKS": "coco_masks",
    "SEGASSETS_CODEC__DIM": "16",
    "SEGASSETS_CODEC__LANGSPLAT_STEPS": "100",
}
BEFORE = ["frames", "coco_masks", "depth_maps", "depth_lifts", "gaussians", "mask_embeddings"]


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    found = make_deployment(tmp_path_factory.mktemp("language"), scenes=1)
    room = {"frames": 3, "size_px": [72, 96], "moving_fraction": 0, "late_fraction": 0}
    config = {"name": "made", "layout": "rooms", "root": str(found.folder / "rooms")}
    config["options"] = {"room": room, "first_seed": 5}
    (found.folder / "configs" / "datasets" / "made.yaml").write_text(yaml.safe_dump(config))
    return Deployment(found.folder, [PICTURES, ROOM])


@pytest.fixture(scope="module")
def made(deployment: Deployment) -> dict[str, dict[str, Any]]:
    """Scene -> asset -> metadata of what the jobs made."""
    found = {}
    with pytest.MonkeyPatch.context() as patch, dg.DagsterInstance.ephemeral() as instance:
        for name, value in {**deployment.environ, **add_tiny_model(deployment), **SETTINGS}.items():
            patch.setenv(name, value)
        patch.delenv("DAGSTER_HOME")
        register_scenes(instance, deployment.keys)
        definitions = build_definitions()
        jobs = (("prepare_footage", BEFORE[:2]), ("lift_scenes", BEFORE[2:]), ("export_language", None))
        for key in deployment.keys:
            for job, names in jobs:
                result = definitions.resolve_job_def(job).execute_in_process(
                    instance=instance, partition_key=key, raise_on_error=False,
                    asset_selection=None if names is None else [dg.AssetKey(name) for name in names],
                )  # fmt: skip
                assert result.success, [event.message for event in result.all_events if event.is_failure]
            found[key] = {
                event.asset_key.path[-1]: event.step_materialization_data.materialization.metadata
                for event in result.all_events
                if event.is_step_materialization
            }
    return found


@pytest.fixture
def store(deployment: Deployment, made: dict[str, Any]) -> ArtifactStore:
    return ArtifactStore(deployment.output)


def embedded(store: ArtifactStore, key: str) -> tuple[list[dict[str, Any]], np.ndarray]:
    """The embedded masks, in the order of their embeddings, and these."""
    folder = store.open("mask_embeddings", key).path
    order = pq.read_table(folder / "masks.parquet").column("mask_id").to_pylist()
    masks = pq.read_table(store.open("coco_masks", key).path / "masks.parquet").to_pylist()
    by_id = {row["mask_id"]: row for row in masks}
    return [by_id[mask] for mask in order], np.load(folder / "embeddings.npy").astype(np.float32)


def autoencoder(weights: dict[str, torch.Tensor], part: str, values: torch.Tensor) -> torch.Tensor:
    """What LangSplat's `autoencoder/model.py` computes: linear layers, batch norms in evaluation, ReLU between."""
    places = sorted({int(name.split(".")[1]) for name in weights if name.startswith(part)})
    last = dict.fromkeys(("encoder", "decoder"), places[-1])[part]
    for at in places:
        weight, bias = weights[f"{part}.{at}.weight"], weights[f"{part}.{at}.bias"]
        if f"{part}.{at}.running_mean" in weights:
            mean, spread = weights[f"{part}.{at}.running_mean"], weights[f"{part}.{at}.running_var"]
            values = torch.relu((values - mean) / torch.sqrt(spread + 1e-5) * weight + bias)
        else:
            values = values @ weight.T + bias
            if part == "decoder" and at != last:
                values = torch.relu(values)
    return values / values.norm(dim=-1, keepdim=True)


@pytest.mark.parametrize("key", [ROOM, PICTURES])
def test_codes(store: ArtifactStore, made: dict[str, Any], key: str) -> None:
    folder = store.open("language_codec", key).path
    masks, _ = embedded(store, key)
    record = json.loads((folder / "codec.json").read_text())
    for name, width in (("codes", 16), ("codes_dim3", 3)):
        codes = np.load(folder / f"{name}.npy", allow_pickle=False)
        assert codes.dtype == np.float32 and codes.shape == (len(masks), width)
        np.testing.assert_allclose(np.linalg.norm(codes, axis=1), 1, atol=1e-5)
    assert (record["masks"], record["dim"], record["dim_in"]) == (len(masks), 16, 512)
    assert load_file(folder / "context_codec.safetensors")["project.weight"].shape == (16, 512)
    told = made[key]["language_codec"]
    assert told["num_masks"].value == len(masks) and "preview" in told
    for when, ending in (("before", "_axes"), ("after", "")):
        figures = record["figures"]["codec"][when]
        for name in {"reconstruction", "similarity_error"} & figures.keys():
            assert told[name + ending].value == pytest.approx(figures[name], abs=1e-4)
    assert told["reconstruction"].value >= told["reconstruction_axes"].value - 0.02


def scenes_of(store: ArtifactStore, key: str) -> list[tuple[Path, dict[str, Any]]]:
    """Folder and record of each LangSplat scene."""
    out = store.open("langsplat_export", key).path
    return [
        (out / scene["folder"], scene) for scene in json.loads((out / "langsplat.json").read_text())["scenes"]
    ]


@pytest.mark.parametrize(("key", "scenes"), [(ROOM, 1), (PICTURES, 2)])
def test_features_lie_where_the_masks_are(store: ArtifactStore, key: str, scenes: int) -> None:
    masks, vectors = embedded(store, key)
    codes = np.load(store.open("language_codec", key).path / "codes_dim3.npy")
    frames = pq.read_table(store.open("frames", key).path / "frames.parquet").to_pylist()
    stem_of = {Path(row["uri"]).stem: row["frame"] for row in frames}
    found = scenes_of(store, key)
    assert len(found) == scenes
    seen = 0
    for folder, _ in found:
        weights = torch.load(folder / "autoencoder/best_ckpt.pth", weights_only=True)
        for path in sorted((folder / "language_features").glob("*_f.npy")):
            stem = path.name.removesuffix("_f.npy")
            wide = np.load(path, allow_pickle=False)
            dim3 = np.load(folder / f"language_features_dim3/{stem}_f.npy", allow_pickle=False)
            places = np.load(path.with_name(f"{stem}_s.npy"), allow_pickle=False).astype(int)
            np.testing.assert_allclose(
                autoencoder(weights, "encoder", torch.from_numpy(wide)), dim3, atol=1e-4
            )
            assert autoencoder(weights, "decoder", torch.from_numpy(dim3)).shape == wide.shape
            frame = stem_of.get(stem, int(stem) if stem.isdigit() else -1)
            own = [at for at, row in enumerate(masks) if row["frame"] == frame]
            assert own and Image.open(folder / f"images/{stem}.jpg").size == places.shape[:0:-1]
            for at in own:
                row = masks[at]
                size = [row["height"], row["width"]]
                inside = coco_mask.decode({"size": size, "counts": row["rle_counts"]}).astype(bool)
                rows = np.unique(places[:, inside])
                same = [
                    number
                    for number in rows
                    if number >= 0 and np.allclose(wide[number], vectors[at], atol=1e-5)
                ]
                seen += bool(same)
                assert all(np.allclose(dim3[number], codes[at], atol=1e-5) for number in same)
    assert seen == len(masks) - sum(scene["masks_hidden"] for _, scene in found) > 0.8 * len(masks)


@pytest.mark.parametrize("key", [ROOM, PICTURES])
def test_cameras_see_the_gaussians_where_they_were_lifted(store: ArtifactStore, key: str) -> None:
    frames = pq.read_table(store.open("frames", key).path / "frames.parquet").to_pylist()
    dense = load_gaussians(store.open("gaussians", key).path / "gaussians.safetensors")
    total = 0
    for folder, scene in scenes_of(store, key):
        model = read_colmap_binary(folder / "sparse/0")
        for quaternion, shift, camera, _, _ in model["images"].values():
            _, width, height, (fx, fy, cx, cy) = model["cameras"][camera]
            assert (height, width) == (frames[0]["height"], frames[0]["width"])
            if key == PICTURES:
                assert (quaternion, shift) == ((1, 0, 0, 0), (0, 0, 0))
                assert fx == pytest.approx(width / 2 / np.tan(np.radians(FOV_DEG) / 2)) and fy == fx
        plain = f"output/{key}"
        parameters, _ = torch.load(folder / plain / "chkpnt30000.pth", weights_only=True)
        names, values = read_ply(folder / plain / "point_cloud/iteration_30000/point_cloud.ply")
        xyz = parameters[1].detach().numpy()
        np.testing.assert_array_equal(values[:, :3].astype(np.float32), xyz)
        assert len(xyz) == scene["gaussians"] and names[:3] == ["x", "y", "z"]
        total += len(xyz)
        if key == PICTURES:  # every Gaussian is the point of a pixel of this camera
            u, v = fx * xyz[:, 0] / xyz[:, 2] + cx, fy * xyz[:, 1] / xyz[:, 2] + cy
            assert (np.abs(u % 1 - 0.5) < 1e-2).all() and (np.abs(v % 1 - 0.5) < 1e-2).all()
            assert u.min() > 0 and u.max() < width and v.min() > 0 and v.max() < height
        for level in (1, 2, 3):
            features, _ = torch.load(folder / f"{plain}_{level}/chkpnt30000.pth", weights_only=True)
            lengths = features[7].detach().norm(dim=1).numpy()
            assert len(lengths) == len(xyz) and (np.isclose(lengths, 1, atol=1e-4) | (lengths == 0)).all()
            assert lengths.sum() > 0
    assert total == len(dense)


def test_the_export_is_a_copy_of_it(
    deployment: Deployment, store: ArtifactStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in deployment.environ.items():
        monkeypatch.setenv(name, value)
    done = CliRunner().invoke(app, ["export", "langsplat", str(tmp_path / "out"), "--scenes", ROOM])
    assert done.exit_code == 0, done.output
    source = store.open("langsplat_export", ROOM).path
    wanted = {
        path.relative_to(source): path.read_bytes()
        for path in source.rglob("*")
        if path.is_file() and path.name not in ("provenance.json", "run.json")
    }
    copied = {name: (tmp_path / "out" / ROOM / name).read_bytes() for name in wanted}
    assert copied == wanted
