"""What a person may choose about comparison renders and reports. Light: the graph imports it."""

from __future__ import annotations

from pydantic import Field

from segassets.lifting.query_config import QueryConfig
from segassets.strict import StrictModel


class ComparisonConfig(StrictModel):
    """Which frames are rendered side by side, and how large."""

    stride: int = Field(1, ge=1, description="take every n-th selected frame, before the cap")
    max_frames: int = Field(
        12, ge=0, description="at most this many frames, evenly spaced, first and last always; 0 = no cap"
    )
    levels: list[int] | None = Field(None, description="mask levels to render, null = all that occur")
    panel_width: int = Field(
        480,
        ge=64,
        le=4096,
        description="width of one panel in pixels; small frames are enlarged at most twice",
    )
    alpha: float = Field(0.45, ge=0, le=1, description="opacity of the colour laid over a mask")
    labels: bool = Field(True, description="write ids on the masks")


class ReportConfig(StrictModel):
    """How much a scene report shows."""

    max_width: int = Field(1280, ge=240, le=4096, description="width of the widest picture in pixels")
    contact_sheet_frames: int = Field(
        9, ge=1, le=60, description="frames in a contact sheet; first, middle and last always"
    )
    max_tracks: int = Field(
        60, ge=1, description="tracks in timeline, plots and table, largest first; the rest is counted"
    )
    thumbnail_px: int = Field(96, ge=32, le=256, description="longer side of a track's thumbnail in pixels")
    max_bytes: int = Field(
        3_000_000, ge=300_000, description="pictures are made smaller until the page is at most this large"
    )
    match_iou: float = Field(
        0.5, gt=0, le=1, description="IoU from which a track counts as having found a true object"
    )
    boundary: bool = Field(True, description="Against truth give F of the boundaries too, which takes longer")


class SceneReportConfig(ReportConfig):
    """A scene's report: its own settings, and those of the questions it answers."""

    query: QueryConfig = Field(QueryConfig(), description="How the report's questions are answered.")


class TagComparisonConfig(StrictModel):
    """How two tags are laid side by side."""

    max_width: int = Field(960, ge=240, le=4096, description="width of a pair of pictures in pixels")
    frames: int = Field(6, ge=1, le=60, description="frames shown per scene; first, middle and last always")
    match_iou: float = Field(
        0.5, gt=0, le=1, description="IoU from which a track counts as having found a true object"
    )
