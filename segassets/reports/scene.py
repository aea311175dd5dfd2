"""The report of one scene: a self-contained HTML page, and Markdown with its pictures beside it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segassets.reports.config import ReportConfig

if TYPE_CHECKING:
    from segassets.datasets.frames import FrameSource


@dataclass(frozen=True)
class ReportInputs:
    """What a scene report is made from.

    Attributes:
        scene, tag: whose report.
        source: the scene's pictures.
        folders: asset name -> local artifact folder; `frames` and `sam2_tracks` are needed, and coco_masks,
            mask_candidates, filtered_masks, track_comparison are shown where present. From any folder named
            here `provenance.json` and, where present, `run.json` ({"seconds": float, "peak_cpu_bytes": int,
            "peak_gpu_bytes": int | null, "started_at": str, ...}) are shown as well.
    """

    scene: str
    source: FrameSource
    folders: dict[str, Path] = field(default_factory=dict)
    tag: str = "main"


def write_scene_report(inputs: ReportInputs, out_dir: Path, config: ReportConfig) -> dict[str, Any]:
    """Writes `report.html`, `report.md` and `pictures/` into `out_dir`.

    Returns:
        Figures for metadata: {"html_bytes", "tracks", "frames", "pictures", and where there is truth "j",
        "j_first_mask", "object_recall", "id_switches"}.
    """
    raise NotImplementedError
