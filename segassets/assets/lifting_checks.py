"""Blocking checks of the lifting: tables hold to their schemas, numbers are finite, units and counts agree."""

from __future__ import annotations

import json

from segassets.errors import BadInput
from segassets.orchestration.checks import Check, Figures
from segassets.orchestration.work import SceneWork


def _depth_whole(work: SceneWork) -> Figures:
    import numpy as np

    from segassets.lifting.depth import UNITS
    from segassets.lifting.stored_depth import load_map, load_rows

    rows = load_rows(work.out)
    if set(rows) - set(range(work.frames.num_rows)):
        raise BadInput(
            f"expected maps of the scene's {work.frames.num_rows} frames, found {sorted(rows)[-1]}"
        )
    for row in rows.values():
        found = load_map(work.out, row)
        if not np.isfinite(found.values).all() or found.unit != UNITS[found.kind]:
            raise BadInput(f"frame {row['frame']}: expected finite {found.kind} depth, found others")
        if int(found.valid.sum()) != row["valid_px"] or row["valid_px"] == 0:
            raise BadInput(f"frame {row['frame']}: expected {row['valid_px']} valid pixels, found others")
    return {"maps": len(rows)}


DEPTH_CHECKS = (
    Check(
        "maps_whole",
        "The table has the columns of DEPTH_MAPS; every map can be read, is finite and of the stated size, kind, "
        "unit and number of valid pixels.",
        _depth_whole,
    ),
)


def _points_whole(work: SceneWork) -> Figures:
    import numpy as np

    from segassets.geometry.points import load_points
    from segassets.geometry.stored_lift import lifted_frames, load_record, points_path

    record, count = load_record(work.out), 0
    for frame in lifted_frames(work.out):
        cloud = load_points(points_path(work.out, frame))
        if len(cloud) == 0 or not np.isfinite(cloud.xyz).all() or set(np.unique(cloud.frame)) != {frame}:
            raise BadInput(f"frame {frame}: expected finite points of this frame, found others or none")
        if (cloud.unit, cloud.space) != (record["unit"], record["space"]):
            raise BadInput(
                f"frame {frame}: expected points in {record['unit']}, {record['space']} axes, found {cloud.unit}, "
                f"{cloud.space}"
            )
        count += len(cloud)
    if count != record["points"]:
        raise BadInput(f"expected {record['points']} points, found {count}")
    return {"points": count}


def _masks_counted(work: SceneWork) -> Figures:
    from segassets.geometry.gaussians import load_gaussians
    from segassets.geometry.stored_lift import LIFTED_FILE, MASK_GAUSSIANS_FILE
    from segassets.masks.schemas import LIFTED_MASKS
    from segassets.masks.table import read_table

    rows = read_table(work.out / LIFTED_FILE, LIFTED_MASKS).to_pylist()
    kept = [row["mask_id"] for row in rows if row["excluded"] is None]
    found = load_gaussians(work.out / MASK_GAUSSIANS_FILE).object_id.tolist()
    if sorted(kept) != sorted(found) or any((row["points"] == 0) != bool(row["excluded"]) for row in rows):
        raise BadInput(f"expected a Gaussian for each of {len(kept)} masks with points, found {len(found)}")
    return {"masks": len(kept), "excluded": len(rows) - len(kept)}


LIFT_CHECKS = (
    Check("points_whole", "Points are finite, as many as counted, in one unit and space.", _points_whole),
    Check(
        "masks_counted",
        "Every mask became points and a Gaussian, or is excluded with a reason.",
        _masks_counted,
    ),
)


def _gaussians_whole(work: SceneWork) -> Figures:
    from segassets.geometry.gaussians import load_gaussians
    from segassets.geometry.stored_lift import DENSE_FILE, OBJECTS_FILE, load_record

    dense, objects = (load_gaussians(work.out / name) for name in (DENSE_FILE, OBJECTS_FILE))
    for found in (dense, objects):
        found.refuse_nonfinite()
    points = load_record(work.inputs["depth_lifts"].path)["points"]
    if len(dense) != points:
        raise BadInput(f"expected a Gaussian for each of {points} points, found {len(dense)}")
    return {"gaussians": len(dense), "objects": len(objects)}


GAUSSIAN_CHECKS = (
    Check("gaussians_whole", "Numbers are finite; there is a Gaussian for each point.", _gaussians_whole),
)


def _sets_whole(work: SceneWork) -> Figures:
    import numpy as np

    from segassets.lifting.render_sets import load_render_set

    for side in work.provenance.config["resolutions"]:
        arrays = load_render_set(work.out, side)
        for name, array in arrays.items():
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                raise BadInput(f"resolution {side}: expected finite numbers in {name}")
        if len(arrays["size_hw"]) and int(arrays["size_hw"].max()) != side:
            raise BadInput(
                f"resolution {side}: expected cameras of this longer side, found {arrays['size_hw']}"
            )
    return {"sets": len(work.provenance.config["resolutions"])}


RENDER_CHECKS = (
    Check("sets_whole", "Every resolution is there, finite, with cameras of its size.", _sets_whole),
)


def _views_whole(work: SceneWork) -> Figures:
    from segassets.lifting.novel_views import VIEWS_FILE

    content = json.loads((work.out / VIEWS_FILE).read_text("utf-8"))
    missing = [view["file"] for view in content["views"] if not (work.out / view["file"]).is_file()]
    if missing or not (content["views"] or content["reason"]):
        raise BadInput(
            f"expected every picture of {VIEWS_FILE}, or a reason for none, missing: {missing[:5]}"
        )
    return {"views": len(content["views"])}


VIEW_CHECKS = (
    Check(
        "views_whole", "Every picture named in views.json is there, or a reason why none is.", _views_whole
    ),
)
