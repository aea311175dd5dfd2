"""`training_clips`: what can be learned from a scene's own tracks or annotations."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from segassets.orchestration.checks import Check, Figures
from segassets.orchestration.scene_assets import scene_asset
from segassets.orchestration.work import Made, SceneWork
from segassets.strict import StrictModel

if TYPE_CHECKING:
    import numpy as np

    from segassets.learning.clip_config import ClipData
    from segassets.learning.clips import ClipIndex

CLIPS_FILE, SOURCE_FILE = "clips.parquet", "source.json"
TEACHERS = {"annotations": "coco_masks", "sam2_tracks": "sam2_tracks"}
_PREVIEWED = 3


class SceneClips(StrictModel):
    """How clips are cut from one scene; the words are those of `data` in an experiment."""

    masks: Literal["annotations", "sam2_tracks"] = Field(
        "annotations", description="What teaches: the scene's annotations, or its own tracks."
    )
    level: Literal["objects", "parts", "all"] = Field(
        "objects", description="Whole objects, their parts, or both."
    )
    merge: Literal["instance", "category"] = Field(
        "instance", description="Teach each object, or each category as the union of its objects."
    )
    frames: int = Field(4, ge=1, description="Frames of a clip.")
    frame_stride: int = Field(1, ge=1, description="Step from one frame of a clip to the next.")
    clip_stride: int | None = Field(
        None, description="Frames from the start of one clip to that of the next; empty for no overlap."
    )
    max_objects: int = Field(3, ge=1, description="Objects of a clip at most; drawn anew each epoch.")
    batch_size: int = Field(1, ge=1, description="Clips in a batch.")
    late_objects: bool = Field(True, description="Keep objects that appear after the clip's first frame.")
    short_videos: Literal["refuse", "skip", "shorten", "repeat_last"] = Field(
        "shorten", description="What becomes of a scene shorter than a clip."
    )

    def clip_data(self, key: str) -> ClipData:
        """The source of clips that a training of this scene names."""
        from segassets.datasets.load import dataset_of
        from segassets.learning.clip_config import ClipData

        chosen = self.model_dump() | {"masks": TEACHERS[self.masks]}
        return ClipData(dataset=dataset_of(key), scenes=[key], empty_categories="allow", **chosen)


def _read_table(work: SceneWork) -> Figures:
    from segassets.errors import BadInput
    from segassets.masks.schemas import CLIPS
    from segassets.masks.table import read_table

    table = read_table(work.out / CLIPS_FILE, CLIPS)
    if not table.num_rows:
        raise BadInput(f"expected clips to learn from in {work.key}, found none")
    return {"clips": table.num_rows}


@scene_asset(
    inputs=("frames", "coco_masks", "sam2_tracks"),
    config=SceneClips,
    reads_of=lambda config: ("frames", TEACHERS[config.masks]),
    group="training",
    kinds={"python", "parquet"},
    scenes_per_run=40,
    checks=(Check("coverage", "There is something to learn from.", _read_table),),
    columns="CLIPS",
)
def training_clips(work: SceneWork, config: SceneClips) -> Made:
    """Clips of a scene that a network can learn from: which frames, which objects, and what was left out and why.

    Nothing is copied: `clips.parquet` names frames and objects, `source.json` what a training of this scene reads.
    """
    from segassets.errors import BadInput
    from segassets.learning.clips import open_clips
    from segassets.masks.schemas import CLIPS
    from segassets.masks.table import write_table
    from segassets.storage.atomic import write_text

    if not work.masks(TEACHERS[config.masks]).num_rows:
        other = "sam2_tracks" if config.masks == "annotations" else "annotations"
        raise BadInput(f"scene {work.key} has no {config.masks} to learn from; try masks: {other}")
    data = config.clip_data(work.key)
    index = open_clips(data, work.store.root, work.store.tag)
    write_table(clip_table(index), CLIPS, work.out / CLIPS_FILE)
    summary = index.summary()
    source = {"data": data.model_dump(mode="json"), "identity": index.identity(), "summary": summary}
    write_text(work.out / SOURCE_FILE, json.dumps(source, indent=1))
    numbers = {name: summary[name] for name in ("clips", "frames", "masks", "unused_frames")}
    return Made(
        numbers={**numbers, "num_excluded": sum(summary["excluded"].values())},
        preview=_sheet(work, index),
        details={"excluded": summary["excluded"], "clips_by_length": summary["clips_by_length"]},
    )


def clip_table(index: ClipIndex):
    """The clips as a table of schema CLIPS."""
    import pyarrow as pa

    from segassets.masks.schemas import CLIPS

    rows = []
    for number in range(len(index)):
        clip = index[number]
        first, late = clip.objects()
        rows.append(
            {
                "scene": clip.scene.key,
                "clip": number,
                "frames": clip.frames,
                "source_frames": clip.scene.source_frames[clip.frames].tolist(),
                "objects": first.tolist(),
                "late_objects": late.tolist(),
            }
        )
    return pa.Table.from_pylist(rows, schema=CLIPS)


def _sheet(work: SceneWork, index: ClipIndex) -> np.ndarray:
    """First, middle and last clip, a row of frames each, with the outlines of what is taught."""
    from segassets.media.draw import contact_sheet, draw_instances
    from segassets.media.preview import thumbnail
    from segassets.reports.sampling import spaced

    pictures, labels = [], []
    columns = int(index.lengths.max())
    for number in spaced(len(index), _PREVIEWED):
        clip = index[number]
        objects = [int(item) for ids in clip.objects() for item in ids]
        shown = dict(work.source.iterate(sorted(set(clip.frames))))
        for frame in clip.frames:
            masks = list(clip.scene.masks(frame, objects).items())
            pictures.append(thumbnail(draw_instances(shown[frame], masks, labels=False), 200))
            labels.append(f"clip {number}, frame {frame}")
    return contact_sheet(pictures, columns=columns, labels=labels, cell_px=max(96, pictures[0].shape[1]))
