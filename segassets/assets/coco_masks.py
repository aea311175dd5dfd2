"""`coco_masks`: the annotations of a scene as a mask table."""

from __future__ import annotations

from pydantic import Field

from segassets.assets.mask_checks import ANNOTATION_CHECKS
from segassets.assets.previews import masks_preview
from segassets.orchestration.scene_assets import scene_asset
from segassets.orchestration.work import MASKS_FILE, Made, SceneWork
from segassets.strict import StrictModel


class AnnotationsConfig(StrictModel):
    """How annotations are read."""

    strict: bool = Field(
        False,
        description="Fail at the first annotation that cannot be used, instead of leaving it out and counting it.",
    )


@scene_asset(
    inputs=("frames",),
    config=AnnotationsConfig,
    group="footage",
    kinds={"coco", "parquet"},
    scenes_per_run=200,
    checks=ANNOTATION_CHECKS,
    columns="MASKS",
)
def coco_masks(work: SceneWork, config: AnnotationsConfig) -> Made:
    """The annotations of a scene as one table of run-length encoded masks, whatever format they came in.

    Annotations that cannot be used (too few points, a size that lies) are left out and counted by reason. A scene
    without annotations gives an empty table.
    """
    from segassets.datasets.annotations import annotation_table
    from segassets.masks.schemas import MASKS
    from segassets.masks.table import write_table

    found = annotation_table(work.scene, strict=config.strict)
    write_table(found.table, MASKS, work.out / MASKS_FILE)
    return Made(
        numbers={**mask_numbers(found.table), "num_excluded": sum(found.excluded.values())},
        preview=masks_preview(
            work.source, found.table, by_track=any(found.table.column("track_id").to_pylist())
        ),
        details={"excluded": found.excluded, "notes": found.notes},
    )


def mask_numbers(table) -> dict[str, float | int | None]:
    """Count and mean area of a mask table, under the names the UI plots."""
    import pyarrow.compute as pc

    mean_area = pc.mean(table.column("area")).as_py()
    return {"num_masks": table.num_rows, "mean_area": None if mean_area is None else round(mean_area, 1)}
