"""`frames`: which pictures a scene consists of."""

from __future__ import annotations

import json

from pydantic import Field

from segassets.assets.frames_checks import FRAMES_CHECKS
from segassets.assets.previews import frames_preview
from segassets.orchestration.scene_assets import scene_asset
from segassets.orchestration.work import FRAMES_FILE, Made, SceneWork
from segassets.strict import StrictModel


class FramesConfig(StrictModel):
    """Which frames of the footage are used."""

    frames: str | None = Field(
        None, description="Frame selection start:end:step with Python's meaning; empty for the dataset's own."
    )


@scene_asset(
    config=FramesConfig,
    defaults=lambda settings: FramesConfig(frames=settings.frames),
    group="footage",
    kinds={"python", "parquet"},
    scenes_per_run=500,
    checks=FRAMES_CHECKS,
    columns="FRAMES",
)
def frames(work: SceneWork, config: FramesConfig) -> Made:
    """The selected frames of a scene: where each picture lies, its size, time, camera and whether it is annotated.

    Pictures are not copied. `scene.json` beside the table holds what belongs to the scene as a whole: categories,
    what was left out and why, and what else its dataset knows.
    """
    from segassets.datasets.frames import frames_table
    from segassets.masks.schemas import FRAMES
    from segassets.masks.table import write_table

    scene = work.scene
    table = frames_table(scene)
    write_table(table, FRAMES, work.out / FRAMES_FILE)
    facts = {
        "key": scene.key,
        "dataset": scene.dataset,
        "name": scene.name,
        "root": scene.root,
        "frames_total": scene.frames_total,
        "categories": {str(number): name for number, name in scene.categories.items()},
        "excluded": scene.excluded,
        "extras": scene.extras,
    }
    (work.out / "scene.json").write_text(json.dumps(facts, indent=1, default=str), "utf-8")
    annotated = sum(table.column("annotated").to_pylist())
    return Made(
        numbers={
            "num_frames": table.num_rows,
            "num_annotated": annotated,
            "num_excluded": sum(scene.excluded.values()),
        },
        preview=frames_preview(work.source),
        details={
            "frames_total": scene.frames_total,
            "excluded": scene.excluded,
            "categories": len(scene.categories),
        },
    )
