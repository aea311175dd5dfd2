"""Blocking checks of masks: annotations, candidates, what is left of them, pseudo masks."""

from __future__ import annotations

import json
from collections.abc import Callable

from segassets.errors import BadInput
from segassets.orchestration.checks import Check, Figures
from segassets.orchestration.work import DROPPED_FILE, STATS_FILE, SceneWork


def _masks_schema(work: SceneWork) -> Figures:
    return {"rows": work.made_masks.num_rows}


def _masks_inside(work: SceneWork) -> Figures:
    from segassets.masks.table import validate_masks

    validate_masks(work.made_masks, work.frames, f"{work.asset} of scene {work.key}")
    return {"masks": work.made_masks.num_rows}


def mask_ids_unique(work: SceneWork) -> Figures:
    """Raises BadInput where a mask_id occurs twice or is below 1."""
    ids = work.made_masks.column("mask_id").to_pylist()
    if len(set(ids)) != len(ids) or min(ids, default=1) < 1:
        raise BadInput(f"expected unique mask_id from 1, found {len(ids) - len(set(ids))} repeats")
    return {"mask_ids": len(ids)}


def coverage_check(rule: Callable[[SceneWork], Figures], description: str) -> Check:
    """The check every mask table has under this name: that it covers what it should."""
    return Check("coverage", description, rule)


MASK_TABLE = (
    Check("schema", "The table has exactly the columns and types of the masks schema.", _masks_schema),
    Check(
        "masks_inside_frames",
        "Every run length fits its frame; areas and boxes agree with it; every mask is on a frame of the scene.",
        _masks_inside,
    ),
    Check("ids_unique", "No mask_id occurs twice.", mask_ids_unique),
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
    *MASK_TABLE,
    coverage_check(_annotation_coverage, "Masks lie only on frames that the annotations are said to cover."),
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
    *MASK_TABLE,
    coverage_check(
        _candidate_coverage, "Candidates lie on keyframes only; every part's parent is on its frame."
    ),
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
    *MASK_TABLE,
    coverage_check(
        _filter_coverage, "Every candidate was kept or is counted as dropped; no part lost its parent."
    ),
)


def _pseudo_coverage(work: SceneWork) -> Figures:
    looked_at = set(json.loads((work.out / STATS_FILE).read_text("utf-8"))["frames"])
    outside = sorted(set(work.made_masks.column("frame").to_pylist()) - looked_at)
    if outside:
        raise BadInput(f"expected masks on frames that were looked at only, found some on {outside[:10]}")
    return {"frames_looked_at": len(looked_at)}


PSEUDO_MASK_CHECKS = (
    *MASK_TABLE,
    coverage_check(_pseudo_coverage, "Masks lie only on the frames that were looked at."),
)
