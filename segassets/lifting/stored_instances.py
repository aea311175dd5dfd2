"""3D instances on disk: `instances.parquet`, `points/<id>.npz`, `embeddings.npy` (in its order), `instances.json`."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from segassets.errors import BadInput
from segassets.geometry.boxes import OrientedBox
from segassets.geometry.points import PointCloud, load_points, save_points
from segassets.lifting.fusion import Instance
from segassets.lifting.scene_fusion import SceneInstances, facts_of
from segassets.masks.schemas import SCENE_INSTANCES
from segassets.masks.table import read_table, write_table
from segassets.storage import atomic

TABLE = "instances.parquet"
FACTS = "instances.json"
EMBEDDINGS = "embeddings.npy"


def save_instances(folder: Path, scene: str, found: SceneInstances, embeddings: np.ndarray | None) -> None:
    """Write a scene's instances.

    Args:
        embeddings: (N, dim) in order of the instances; None without any.
    """
    rows = instance_rows(scene, found)
    (folder / "points").mkdir()
    for row, item in zip(rows, found.fusion.instances, strict=True):
        if item.cloud is not None:
            save_points(folder / row["points_uri"], item.cloud)
    columns = {name: [row[name] for row in rows] for name in SCENE_INSTANCES.names}
    write_table(pa.table(columns, schema=SCENE_INSTANCES), SCENE_INSTANCES, folder / TABLE)
    if embeddings is not None:
        np.save(folder / EMBEDDINGS, embeddings.astype(np.float32), allow_pickle=False)
    atomic.write_text(folder / FACTS, json.dumps(facts_of(found), indent=1))


def instance_rows(scene: str, found: SceneInstances) -> list[dict[str, Any]]:
    """Rows of schema SCENE_INSTANCES, in order of the instances."""
    own: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in found.masks.to_pylist():
        own[row["track_id"]].append(row)
    return [_row(scene, found, item, own) for item in found.fusion.instances]


def _row(
    scene: str, found: SceneInstances, item: Instance, own: dict[int, list[dict[str, Any]]]
) -> dict[str, Any]:
    cloud, box, seen = item.cloud, item.box, len(item.views)
    masks = [row for track in item.track_ids for row in own[track]]
    views = set(item.views)
    if found.space == "camera" and cloud is not None:
        views = {int(cloud.frame[0])}  # the one frame whose axes its points have
    best, bbox = _best_view([row for row in masks if row["frame"] in views])
    scores = [1.0 if row["score"] is None else row["score"] for row in masks]
    return {
        "scene": scene,
        "instance_id": item.instance_id,
        "track_ids": item.track_ids,
        "category_id": _category(masks),
        "confidence": min(1.0, max(0.0, float(np.mean(scores)))) * item.consensus * seen / (seen + 1),
        "space": found.space,
        "unit": found.unit,
        "points_uri": None if cloud is None else f"points/{item.instance_id:06d}.npz",
        "points": 0 if cloud is None else len(cloud),
        "obb_center": None if box is None else box.centre.tolist(),
        "obb_axes": None if box is None else box.axes.T.ravel().tolist(),
        "obb_size": None if box is None else box.size.tolist(),
        "views": item.views,
        "best_frame": best,
        "best_bbox_xywh": bbox,
    }


def _best_view(masks: list[dict[str, Any]]) -> tuple[int, list[float]]:
    """The frame where the masks are largest together, and the box around them there."""
    area: dict[int, int] = defaultdict(int)
    for row in masks:
        area[row["frame"]] += row["area"]
    best = max(area, key=lambda frame: (area[frame], -frame))
    boxes = np.array([row["bbox_xywh"] for row in masks if row["frame"] == best], np.float64)
    low, high = boxes[:, :2].min(0), (boxes[:, :2] + boxes[:, 2:]).max(0)
    return best, [*low.tolist(), *(high - low).tolist()]


def _category(masks: list[dict[str, Any]]) -> int:
    """The category that covers most pixels; -1 where none is named."""
    area: dict[int, int] = defaultdict(int)
    for row in masks:
        if row["category_id"] >= 0:
            area[row["category_id"]] += row["area"]
    return max(area, key=lambda category: (area[category], -category)) if area else -1


@dataclass(frozen=True)
class StoredInstances:
    """Instances of a scene as they lie on disk.

    Attributes:
        folder: of the artifact.
        rows: the table's rows, in order.
    """

    folder: Path
    rows: list[dict[str, Any]]

    @classmethod
    def load(cls, folder: Path) -> StoredInstances:
        """Open a folder that `save_instances` wrote.

        Raises:
            MissingInput: its table is not there.
            BadInput: the table has other columns.
        """
        return cls(folder, read_table(folder / TABLE, SCENE_INSTANCES).to_pylist())

    @cached_property
    def facts(self) -> dict[str, Any]:
        """Space, unit, up, notes, counts."""
        return json.loads((self.folder / FACTS).read_text("utf-8"))

    @cached_property
    def embeddings(self) -> np.ndarray | None:
        """(N, dim) float32 in order of the rows; None where they were made without.

        Raises:
            BadInput: there are not as many as rows, or numbers that are not finite.
        """
        path = self.folder / EMBEDDINGS
        if not path.is_file():
            return None
        found = np.load(path, allow_pickle=False)
        if found.ndim != 2 or len(found) != len(self.rows) or not np.isfinite(found).all():
            raise BadInput(f"{path}: expected {len(self.rows)} rows of finite numbers, found {found.shape}")
        return found

    def points(self, row: dict[str, Any]) -> PointCloud | None:
        """Points of an instance."""
        return load_points(self.folder / row["points_uri"]) if row["points_uri"] else None

    @staticmethod
    def box(row: dict[str, Any]) -> OrientedBox | None:
        """Box of an instance."""
        if row["obb_center"] is None:
            return None
        axes = np.array(row["obb_axes"], np.float64).reshape(3, 3).T
        return OrientedBox(np.array(row["obb_center"]), axes, np.array(row["obb_size"]))
