"""Blocking checks: what every artifact must satisfy before it is published, one list per asset."""

from __future__ import annotations

import json
from collections import Counter

from segassets.errors import BadInput
from segassets.orchestration.checks import Check, Figures
from segassets.orchestration.work import DROPPED_FILE, STATS_FILE, TRACKS_FILE, TUBES_FILE, SceneWork


def _frames_whole(work: SceneWork) -> Figures:
    table = work.frames  # reading holds it to its schema
    frame, source = (table.column(name).to_pylist() for name in ("frame", "source_frame"))
    count = len(frame)
    if count == 0 or count != len(work.scene.frames):
        raise BadInput(f"expected the {len(work.scene.frames)} selected frames, found {count}")
    if frame != list(range(count)) or len(set(source)) != count:
        raise BadInput("expected frames numbered from 0 in order and each source frame once, found others")
    ends = sorted({0, count // 2, count - 1})
    for _ in work.source.iterate(ends):
        pass  # reading raises when a picture is unreadable or not of the size the table says
    return {"frames": count, "frames_read": len(ends)}


# One check, not three: frames are made for a thousand small scenes at a time, where every event counts.
FRAMES_CHECKS = (
    Check(
        "whole",
        "Schema, ids and coverage: every selected frame is listed once and in order; first, middle and last picture "
        "can be read and have the stated size.",
        _frames_whole,
    ),
)


def _masks_schema(work: SceneWork) -> Figures:
    return {"rows": work.made_masks.num_rows}


def _masks_inside(work: SceneWork) -> Figures:
    from segassets.masks.table import validate_masks

    validate_masks(work.made_masks, work.frames, f"{work.asset} of scene {work.key}")
    return {"masks": work.made_masks.num_rows}


def _mask_ids(work: SceneWork) -> Figures:
    ids = work.made_masks.column("mask_id").to_pylist()
    if len(set(ids)) != len(ids) or min(ids, default=1) < 1:
        raise BadInput(f"expected unique mask_id from 1, found {len(ids) - len(set(ids))} repeats")
    return {"mask_ids": len(ids)}


def _coverage(rule, description: str) -> Check:
    return Check("coverage", description, rule)


_MASKS = (
    Check("schema", "The table has exactly the columns and types of the masks schema.", _masks_schema),
    Check(
        "masks_inside_frames",
        "Every run length fits its frame; areas and boxes agree with it; every mask is on a frame of the scene.",
        _masks_inside,
    ),
    Check("ids_unique", "No mask_id occurs twice.", _mask_ids),
)


def _annotation_coverage(work: SceneWork) -> Figures:
    numbers, annotated = (work.frames.column(name).to_pylist() for name in ("frame", "annotated"))
    covered = {number for number, is_annotated in zip(numbers, annotated, strict=True) if is_annotated}
    with_masks = set(work.made_masks.column("frame").to_pylist())
    outside = sorted(with_masks - covered)
    if outside:
        raise BadInput(f"expected masks on annotated frames only, found some on frames {outside[:10]}")
    return {"frames_annotated": len(covered), "frames_with_masks": len(with_masks)}


ANNOTATION_CHECKS = (
    *_MASKS,
    _coverage(_annotation_coverage, "Masks lie only on frames that the annotations are said to cover."),
)


def _candidate_coverage(work: SceneWork) -> Figures:
    stride = work.provenance.config["keyframe_stride"]
    keyframes = set(range(0, work.frames.num_rows, stride))
    table = work.made_masks
    frames = set(table.column("frame").to_pylist())
    if frames - keyframes:
        raise BadInput(
            f"expected candidates on every {stride}th frame only, found frames {sorted(frames - keyframes)[:10]}"
        )
    _check_parents(work)
    return {"keyframes": len(keyframes), "keyframes_without_candidates": len(keyframes - frames)}


def _check_parents(work: SceneWork) -> None:
    """Raises BadInput unless every parent is a mask of the same frame."""
    names = ("mask_id", "parent_id", "frame")
    rows = list(zip(*(work.made_masks.column(name).to_pylist() for name in names), strict=True))
    frame_of = {mask: frame for mask, _, frame in rows}
    orphans = [mask for mask, parent, frame in rows if parent and frame_of.get(parent) != frame]
    if orphans:
        raise BadInput(f"expected parents on the frame of their parts, found none for masks {orphans[:10]}")


CANDIDATE_CHECKS = (
    *_MASKS,
    _coverage(_candidate_coverage, "Candidates lie on keyframes only; every part's parent is on its frame."),
)


def _filter_coverage(work: SceneWork) -> Figures:
    before = set(work.masks("mask_candidates").column("mask_id").to_pylist())
    kept = set(work.made_masks.column("mask_id").to_pylist())
    if kept - before:
        raise BadInput(f"expected candidates only, found other masks {sorted(kept - before)[:10]}")
    dropped = sum(json.loads((work.out / DROPPED_FILE).read_text()).values())
    if len(kept) + dropped != len(before):
        raise BadInput(f"expected {len(before)} candidates kept or counted, found {len(kept)} + {dropped}")
    _check_parents(work)
    return {"kept": len(kept), "dropped": dropped}


FILTER_CHECKS = (
    *_MASKS,
    _coverage(
        _filter_coverage, "Every candidate was kept or is counted as dropped; no part lost its parent."
    ),
)


def _track_coverage(work: SceneWork) -> Figures:
    from segassets.masks.schemas import TRACKS
    from segassets.masks.table import read_table

    summary = read_table(work.out / TRACKS_FILE, TRACKS)
    rows: dict[int, int] = {}
    for track in work.made_masks.column("track_id").to_pylist():
        rows[track] = rows.get(track, 0) + 1
    listed = dict(
        zip(summary.column("track_id").to_pylist(), summary.column("frames").to_pylist(), strict=True)
    )
    if rows != listed:
        differing = sorted(set(rows.items()) ^ set(listed.items()))[:10]
        raise BadInput(
            f"expected the summary to count every mask of every track, found differences {differing}"
        )
    return {"tracks": len(listed), "frames_with_masks": len(set(work.made_masks.column("frame").to_pylist()))}


def _track_frames(work: SceneWork) -> Figures:
    names = ("track_id", "frame")
    pairs = list(zip(*(work.made_masks.column(name).to_pylist() for name in names), strict=True))
    if len(set(pairs)) != len(pairs):
        raise BadInput(f"expected one mask per track and frame, found {len(pairs) - len(set(pairs))} more")
    return _mask_ids(work)


TRACK_CHECKS = (
    *_MASKS[:2],
    Check("ids_unique", "No mask_id occurs twice; a track has one mask per frame.", _track_frames),
    _coverage(_track_coverage, "The summary lists every track with as many frames as it has masks."),
)


def _pseudo_coverage(work: SceneWork) -> Figures:
    looked_at = set(json.loads((work.out / STATS_FILE).read_text("utf-8"))["frames"])
    outside = sorted(set(work.made_masks.column("frame").to_pylist()) - looked_at)
    if outside:
        raise BadInput(f"expected masks on frames that were looked at only, found some on {outside[:10]}")
    return {"frames_looked_at": len(looked_at)}


PSEUDO_MASK_CHECKS = (
    *_MASKS,
    _coverage(_pseudo_coverage, "Masks lie only on the frames that were looked at."),
)


def _tube_coverage(work: SceneWork) -> Figures:
    from segassets.masks.schemas import TUBES
    from segassets.masks.table import read_table

    summary = read_table(work.out / TUBES_FILE, TUBES)
    rows = Counter(work.made_masks.column("track_id").to_pylist())
    listed = dict(
        zip(summary.column("track_id").to_pylist(), summary.column("frames").to_pylist(), strict=True)
    )
    if dict(rows) != listed or 0 in rows:
        differing = sorted(set(rows.items()) ^ set(listed.items()))[:10]
        raise BadInput(f"expected a summary of every tube with its masks counted, found others: {differing}")
    scores = [*summary.column("score").to_pylist(), *summary.column("coverage").to_pylist()]
    if not all(0 <= value <= 1 for value in scores):
        raise BadInput("expected scores and coverages from 0 to 1, found others")
    return {"tubes": len(listed)}


TUBE_CHECKS = (
    *_MASKS[:2],
    Check("ids_unique", "No mask_id occurs twice; a tube has one mask per frame.", _track_frames),
    _coverage(
        _tube_coverage, "The summary lists every tube with as many frames as it has masks, and a score."
    ),
)


def _comparison_coverage(work: SceneWork) -> Figures:
    index = json.loads((work.out / "index.json").read_text())
    missing = [image["file"] for image in index["images"] if not (work.out / image["file"]).is_file()]
    if missing:
        raise BadInput(f"expected every picture of the index, missing: {missing[:5]}")
    return {"pictures": len(index["images"])}


COMPARISON_CHECKS = (_coverage(_comparison_coverage, "Every picture named in index.json is there."),)


def _report_coverage(work: SceneWork) -> Figures:
    page = work.out / "report.html"
    text = page.read_text("utf-8") if page.is_file() else ""
    if "</html>" not in text or not (work.out / "report.md").is_file():
        raise BadInput("expected report.html, whole, and report.md")
    if 'src="http' in text or 'href="http' in text.split("<body", 1)[0]:
        raise BadInput("expected a self-contained page, found links to other places in report.html")
    return {"html_bytes": len(text)}


REPORT_CHECKS = (
    _coverage(_report_coverage, "The HTML page is whole and needs nothing beside it; the Markdown is there."),
)


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
        if box.contains(cloud.xyz, 1e-4).mean() < 0.8:
            raise BadInput(f"{name}: expected its points in its box, most lie outside")
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


def _embeddings_schema(work: SceneWork) -> Figures:
    from segassets.lifting.stored_embeddings import load_mask_embeddings

    stored = load_mask_embeddings(work.out)
    return {"masks": stored.masks.num_rows, "tracks": stored.tracks.num_rows}


def _embeddings_unit(work: SceneWork) -> Figures:
    import numpy as np

    from segassets.lifting.stored_embeddings import load_mask_embeddings

    stored = load_mask_embeddings(work.out)
    lengths = np.linalg.norm(stored.vectors, axis=1)
    wrong = np.flatnonzero(np.abs(lengths - 1) > 1e-3)
    if len(wrong):
        raise BadInput(
            f"expected vectors of length 1, found {lengths[wrong[0]]:.3f} and {len(wrong) - 1} more"
        )
    ids = set(work.masks(work.provenance.config["masks"]).column("mask_id").to_pylist())
    strange = set(stored.masks.column("mask_id").to_pylist()) - ids
    if strange:
        raise BadInput(
            f"expected masks of {work.provenance.config['masks']}, found others: {sorted(strange)[:10]}"
        )
    return {"masks": len(lengths), "dim": stored.vectors.shape[1]}


EMBEDDING_CHECKS = (
    Check("schema", "Both tables have their columns, both arrays a finite row for each.", _embeddings_schema),
    Check("unit_vectors", "Vectors have length 1; every one is of a mask of the input.", _embeddings_unit),
)
