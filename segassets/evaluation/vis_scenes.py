"""Tubes of scenes against their annotations: what of a mask table is judged, and the figures over many scenes.

    scores = judge_scenes([vis_scene(truth, predicted, frames, summary=tubes)], categories)
    scores.agnostic["ap50"]

Only annotated frames are judged. Pictures that are no footage are videos of one frame each.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segassets.datasets.ytvis_tubes import read_tube_file
from segassets.errors import BadInput
from segassets.evaluation.foreground import centred_box
from segassets.evaluation.vis import VisEvaluation, VisScores
from segassets.masks.tubes import Tubes, tubes_of_table

OBJECT_LEVELS = (2,)


@dataclass(frozen=True)
class VisVideo:
    """A video to be judged: its true tubes and the predicted ones, on the frames that are annotated."""

    truth: Tubes
    predicted: Tubes

    def with_centred_box(self, frames: Iterable[int], share: float = 0.5) -> VisVideo:
        """The same video with the one prediction that needs no picture: a box in the middle of every frame."""
        height, width = self.truth.height, self.truth.width
        box = centred_box(height, width, share)
        return VisVideo(self.truth, Tubes(height, width, [dict.fromkeys(frames, box)]))


def vis_videos(
    truth: pa.Table,
    predicted: pa.Table,
    frames: pa.Table,
    *,
    summary: pa.Table | None = None,
    levels: Sequence[int] | None = OBJECT_LEVELS,
) -> Iterator[VisVideo]:
    """What is judged of a scene: one video; or one for each picture, where they have several sizes or no annotation an
    identity.

    Args:
        truth, predicted: schema MASKS; rows of `predicted` without a track id are not judged.
        frames: schema FRAMES.
        summary: schema TUBES, scores and categories of the predictions.
        levels: of the annotations; all when None.

    Raises:
        BadInput: some annotations have identities and others none, or one has two masks on a frame.
    """
    columns = (frames.column(name).to_pylist() for name in ("frame", "annotated", "height", "width"))
    annotated = {
        frame: (height, width) for frame, known, height, width in zip(*columns, strict=True) if known
    }
    truth = _on(truth, list(annotated))
    predicted = _on(predicted, list(annotated))
    if levels is not None:
        truth = truth.filter(pc.is_in(truth.column("level"), pa.array(levels, pa.int8())))
    nameless = [frame for frame, track in _pairs(truth, "frame", "track_id") if track == 0]
    if len(set(annotated.values())) > 1 or (nameless and len(nameless) == truth.num_rows):
        for frame, size in annotated.items():
            yield _video(_named(_on(truth, [frame])), _on(predicted, [frame]), summary, size)
        return
    if nameless:
        raise BadInput(f"expected annotations with identities, found one without on frame {nameless[0]}")
    if annotated:
        yield _video(truth, predicted, summary, next(iter(annotated.values())))


def judge_scenes(
    videos: Iterable[VisVideo],
    categories: Mapping[int, str] | None = None,
    partitions: Mapping[int, int] | None = None,
) -> VisScores:
    """The figures over all videos, taken together.

    Args:
        categories: names by id.
        partitions: LV-VIS's partition by category id; base and novel are judged when given.
    """
    evaluation = VisEvaluation()
    for video in videos:
        evaluation.add(video.truth, video.predicted)
    return evaluation.scores(categories, partitions or None)


def figures_of_scores(scores: VisScores, *, by_category: bool) -> dict[str, Any]:
    """The scores as JSON values.

    Args:
        by_category: whether any prediction says what it is; else figures by category mean nothing and are left out.
    """
    told: dict[str, Any] = {"agnostic": scores.agnostic, "counts": scores.counts}
    if by_category:
        told |= {"per_class": scores.per_class, "categories": scores.categories}
        parts = (("base", scores.base), ("novel", scores.novel))
        told |= {name: part for name, part in parts if part is not None}
    return told


def metric_rows(scores: VisScores, scope: str, asset: str, *, by_category: bool) -> list[dict[str, Any]]:
    """The scores as rows of schema METRICS; arguments as in `figures_of_scores`, `scope` is a scene or experiment."""
    rows = scores.metric_rows(scope, asset)
    return [row for row in rows if by_category or row["aggregation"] == "class-agnostic"]


def has_categories(videos: Iterable[VisVideo]) -> bool:
    """Whether any prediction says what it is."""
    return any((video.predicted.categories >= 0).any() for video in videos)


def annotated_frames(frames: pa.Table) -> list[int]:
    """Frames (schema FRAMES) whose annotations are complete."""
    return [frame for frame, known in _pairs(frames, "frame", "annotated") if known]


def read_partitions(path: str) -> dict[int, int] | None:
    """LV-VIS's partition of each category id, from a file of it; None without a path.

    Raises:
        MissingInput, BadInput: no such file, no YTVIS document, or its categories have no partitions.
    """
    if not path:
        return None
    found = read_tube_file(Path(os.path.expandvars(path))).partitions
    if not found:
        raise BadInput(
            f"{path}: expected categories with 'partition' (0 and 1 are base, 2 and 3 novel), found none; take "
            "LV-VIS's own file, or leave categories_json empty"
        )
    return found


def _video(truth: pa.Table, predicted: pa.Table, summary: pa.Table | None, size: tuple[int, int]) -> VisVideo:
    return VisVideo(tubes_of_table(truth, size_hw=size), tubes_of_table(predicted, summary, size))


def _on(table: pa.Table, frames: Sequence[int]) -> pa.Table:
    return table.filter(pc.is_in(table.column("frame"), pa.array(frames, pa.int32())))


def _named(table: pa.Table) -> pa.Table:
    """The masks of one picture, each an identity of its own."""
    at = table.schema.get_field_index("track_id")
    own = pa.array(np.arange(1, table.num_rows + 1), pa.int64())
    return table.set_column(at, table.schema.field(at), own)


def _pairs(table: pa.Table, *names: str) -> Iterator[tuple]:
    return zip(*(table.column(name).to_pylist() for name in names), strict=True)
