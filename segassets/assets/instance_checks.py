"""Blocking checks of `scene_instances`."""

from __future__ import annotations

from segassets.errors import BadInput
from segassets.orchestration.checks import Check, Figures
from segassets.orchestration.work import SceneWork


def _instances_schema(work: SceneWork) -> Figures:
    from segassets.lifting.stored_instances import StoredInstances

    return {"instances": len(StoredInstances.load(work.out).rows)}


def _instances_ids(work: SceneWork) -> Figures:
    from segassets.lifting.stored_instances import StoredInstances

    rows = StoredInstances.load(work.out).rows
    ids = [row["instance_id"] for row in rows]
    if ids != sorted(set(ids)) or min(ids, default=1) < 1:
        raise BadInput(f"expected ascending unique instance_id from 1, found {ids[:10]}")
    alone = [row["instance_id"] for row in rows if not row["track_ids"] or not row["views"]]
    if alone:
        raise BadInput(f"expected tracks and views of every instance, found none for {alone[:10]}")
    return {"instances": len(ids), "tracks": len({track for row in rows for track in row["track_ids"]})}


def _instances_points(work: SceneWork) -> Figures:
    import numpy as np

    from segassets.lifting.stored_instances import StoredInstances

    stored = StoredInstances.load(work.out)
    total = 0
    for row in stored.rows:
        cloud, box = stored.points(row), stored.box(row)
        name = f"instance {row['instance_id']}"
        if (0 if cloud is None else len(cloud)) != row["points"] or (cloud is None) != (box is None):
            raise BadInput(f"{name}: expected {row['points']} points and a box around them, found others")
        if box is None or cloud is None:
            continue
        if not np.allclose(box.axes.T @ box.axes, np.eye(3), atol=1e-6) or not np.isfinite(box.size).all():
            raise BadInput(f"{name}: expected orthonormal axes and finite lengths of its box, found others")
        inside = float(box.contains(cloud.xyz, 1e-4).mean())
        if inside < 0.8:
            raise BadInput(
                f"{name}: expected most of its points in its box, found {inside:.0%} of {len(cloud)}"
            )
        total += len(cloud)
    vectors = stored.embeddings  # reading holds them to the table
    return {"points": total, "embeddings": 0 if vectors is None else len(vectors)}


INSTANCE_CHECKS = (
    Check("schema", "The table has exactly the columns and types of its schema.", _instances_schema),
    Check("ids_unique", "Ids are unique and ascending; every instance has tracks and views.", _instances_ids),
    Check(
        "points_in_boxes",
        "Every instance has the points it says, finite, in a box with orthonormal axes; embeddings fit the table.",
        _instances_points,
    ),
)
