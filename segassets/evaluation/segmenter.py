"""How good a network that finds instances by itself is on scenes with true masks."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from segassets.errors import BadInput
from segassets.evaluation.scenes import TrueScene, open_true_scenes
from segassets.evaluation.vis import VisScores
from segassets.evaluation.vis_scenes import VisVideo, judge_scenes, vis_videos
from segassets.exports.source import ExportSource
from segassets.masks.schemas import TUBES
from segassets.masks.tubes import table_of_tubes

if TYPE_CHECKING:
    from segassets.models.seqformer.video import VideoSegmenter
    from segassets.models.spec import ModelSpec
    from segassets.storage.store import ArtifactStore

Places = Mapping[str, Sequence[str] | None]  # dataset -> scene keys, or names in it; None for all
FIGURES = ("ap", "ap50", "ap75", "ar10", "recall50", "mean_best_iou")


def segment_scene(segmenter: VideoSegmenter, scene: str, source: Any) -> tuple[pa.Table, pa.Table]:
    """Tubes a network finds in a scene's frames, as tables of schemas MASKS (source `tube`) and TUBES.

    Args:
        source: a FrameSource.
    """
    frames = source.table
    tubes = segmenter.segment(rgb for _, rgb in source.iterate(range(len(source))))
    masks = table_of_tubes(scene, tubes, frames.column("source_frame").to_pylist(), "tube")
    _, seen = tubes.areas()
    rows = [
        {
            "scene": scene, "track_id": int(track), "category_id": int(category), "score": float(score),
            "frames": int(count), "coverage": int(count) / max(1, frames.num_rows),
        }
        for track, category, score, count in zip(tubes.ids, tubes.categories, tubes.scores, seen, strict=True)
    ]  # fmt: skip
    return masks, pa.Table.from_pylist(rows, schema=TUBES)


def true_scenes(places: Places, limit: int | None = None) -> Iterator[TrueScene]:
    """The scenes of all places, opened one at a time; `limit` is the most of each dataset."""
    for dataset, names in places.items():
        yield from open_true_scenes(dataset, names, limit)


def judge_segmenter(segmenter: VideoSegmenter, scenes: Iterable[TrueScene]) -> tuple[VisScores, int]:
    """AP and AR over scenes, and their number."""
    videos: list[VisVideo] = []
    count = 0
    for scene in scenes:
        masks, tubes = segment_scene(segmenter, scene.key, scene.source)
        videos += vis_videos(scene.truth, masks, scene.source.table, summary=tubes)
        scene.source.close()
        count += 1
    return judge_scenes(videos), count


def evaluate_segmenter(
    spec: ModelSpec, places: Places, *, device: str | None = None, max_scenes: int | None = None
) -> dict[str, Any]:
    """Measure a SeqFormer on scenes with true masks, categories aside; `per_class` too where it tells some apart.

    Raises:
        BadInput: no annotated object.
    """
    from segassets.models.sam2.build import resolve_device
    from segassets.models.seqformer.build import load_segmenter

    began = time.perf_counter()
    segmenter = load_segmenter(spec, resolve_device(device or spec.device))
    scores, count = judge_segmenter(segmenter, true_scenes(places, max_scenes))
    if not scores.counts["true_tubes"]:
        raise BadInput(f"dataset {', '.join(places)!r}: expected annotated objects, found none")
    told = _told(spec.name, places, scores, count)
    if max(segmenter.network.config.ids) >= 0:
        told["per_class"] = {name: {"value": scores.per_class.get(name)} for name in FIGURES}
    return told | {"seconds": round(time.perf_counter() - began, 1)}


def evaluate_tubes(asset: str, places: Places, store: ArtifactStore) -> dict[str, Any] | None:
    """The same figures of tubes in the store; None where no scene of them has annotated objects.

    Scenes whose tubes are of a choice of their frames are left out.
    """
    videos: list[VisVideo] = []
    count = 0
    for scene in true_scenes(places):
        stored = ExportSource(store, scene.key)
        frames = scene.source.table
        if stored.frames.column("source_frame").equals(frames.column("source_frame")):
            videos += vis_videos(scene.truth, stored.masks(asset), frames, summary=stored.summary(asset))
            count += 1
        scene.source.close()
    scores = judge_scenes(videos)
    return _told(asset, places, scores, count) if scores.counts["true_tubes"] else None


def _told(name: str, places: Places, scores: VisScores, scenes: int) -> dict[str, Any]:
    return {
        "model": name,
        "dataset": ", ".join(places),
        "scenes": scenes,
        "objects": scores.counts["true_tubes"],
        **{figure: {"value": scores.agnostic[figure]} for figure in FIGURES},
    }
