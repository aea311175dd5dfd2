"""One run's configuration: every field a YAML in `configs/runs/` may hold, with its meaning and default."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pydantic
from pydantic import Field

from segassets.datasets.config import parse_frames
from segassets.datasets.selection import SceneSelection, listed
from segassets.errors import BadConfig
from segassets.exports.langsplat_config import LangsplatConfig
from segassets.learning.codec_config import CodecConfig
from segassets.lifting.config import DepthConfig, LiftConfig, RenderingConfig
from segassets.lifting.embeddings_config import EmbeddingsConfig
from segassets.lifting.instances_config import InstancesConfig
from segassets.lifting.query_config import QueryConfig
from segassets.proposals.config import CandidateConfig, FilterConfig
from segassets.proposals.pseudo_config import PseudoMaskConfig
from segassets.reports.config import ComparisonConfig, ReportConfig
from segassets.storage.keys import check_scene_key
from segassets.strict import StrictModel
from segassets.tracking.config import TrackingConfig
from segassets.tracking.tube_config import PseudoTubeConfig

_DEVICE = re.compile(r"auto|cpu|cuda(:\d+)?")


class StageToggles(StrictModel):
    """Which assets a run makes; where one is switched off, a stored one is used."""

    frames: bool = Field(True, description="Make the table of the selected frames.")
    coco_masks: bool = Field(True, description="Make the mask table of the scene's annotations.")
    mask_candidates: bool = Field(True, description="Propose masks by level on keyframes.")
    filtered_masks: bool = Field(True, description="Filter candidates by area, stability and overlap.")
    sam2_tracks: bool = Field(True, description="Follow the filtered masks through the scene.")
    mask_embeddings: bool = Field(True, description="Embed masks, so that words find them.")
    scene_instances: bool = Field(True, description="Fuse tracks, depth and poses into 3D instances.")
    depth_maps: bool = Field(True, description="Depth of the frames, from a sensor or a model.")
    depth_lifts: bool = Field(True, description="Lift depth and masks to points.")
    gaussians: bool = Field(True, description="Initialise Gaussians from the points.")
    render_sets: bool = Field(True, description="Prepare Gaussians and cameras by resolution.")
    novel_views: bool = Field(True, description="Render the lifted scene from new views.")
    track_comparison: bool = Field(True, description="Render tracks over the frames.")
    scene_report: bool = Field(True, description="Write the HTML and Markdown report.")

    def selected(self) -> list[str]:
        """Names of the assets to make, upstream first."""
        return [name for name in type(self).model_fields if getattr(self, name)]


class Settings(StrictModel):
    """One run: which scenes, which settings for each stage, where results go.

    `levels`, `keyframe_stride`, `min_area`, `stability` and `max_propagate` may be written at the top level:
    short names of fields of the sections, listed in `segassets.config.load.SHORT_NAMES`.
    """

    name: str = Field("run", description="Name of the experiment; appears in the run history and as {name}.")
    tag: str = Field("main", description="Experiment tag; results of two tags live side by side.")
    output_root: str = Field(
        ".segassets/artifacts",
        description="Folder or fsspec URL of the results; {name} stands for the experiment's name.",
    )
    datasets: list[str] = Field([], description="Datasets (names in configs/datasets/) the scenes come from.")
    scenes: SceneSelection = Field(
        "all", description="'all', a list of scene keys or names, or {start, end} (included, lexical)."
    )
    frames: str | None = Field(
        None, description="Frame selection start:end:step with Python's meaning; empty for the dataset's own."
    )
    model: str = Field(
        "nano",
        description="Name of a model in configs/models/, or a trained one: experiment:<name>, scene:<key>.",
    )
    depth_model: str = Field(
        "nano-depth",
        description="Name of a depth model in configs/models/, for scenes without a depth sensor.",
    )
    embedding_model: str = Field(
        "nano-clip", description="Name of a model in configs/models/ that embeds pictures and words."
    )
    device: str | None = Field(None, description="auto, cpu, cuda or cuda:<i>; empty for the model's own.")
    precision: Literal["fp32", "bf16", "fp16"] | None = Field(None, description="Empty for the model's own.")
    candidates: CandidateConfig = Field(CandidateConfig(), description="How masks are proposed on keyframes.")
    filtering: FilterConfig = Field(FilterConfig(), description="Which candidates are kept.")
    tracking: TrackingConfig = Field(TrackingConfig(), description="How masks become tracks.")
    pseudo_masks: PseudoMaskConfig = Field(PseudoMaskConfig(), description="Masks nobody drew.")
    pseudo_tubes: PseudoTubeConfig = Field(
        PseudoTubeConfig(), description="Masks through time, to learn from without labels."
    )
    embeddings: EmbeddingsConfig = Field(
        EmbeddingsConfig(), description="Which masks are embedded, and how tracks are pooled."
    )
    instances: InstancesConfig = Field(
        InstancesConfig(), description="How tracks, depth and poses become 3D instances."
    )
    depth: DepthConfig = Field(DepthConfig(), description="Where depth comes from and what makes it metres.")
    lift: LiftConfig = Field(LiftConfig(), description="How depth becomes points and Gaussians.")
    rendering: RenderingConfig = Field(RenderingConfig(), description="Render sets and new views.")
    query: QueryConfig = Field(QueryConfig(), description="How questions about a scene are answered.")
    codec: CodecConfig = Field(CodecConfig(), description="How a scene's embeddings are compressed.")
    langsplat: LangsplatConfig = Field(
        LangsplatConfig(), description="What of a scene is written for LangSplat."
    )
    comparison: ComparisonConfig = Field(ComparisonConfig(), description="Comparison renders.")
    report: ReportConfig = Field(ReportConfig(), description="Scene reports.")
    stages: StageToggles = Field(StageToggles(), description="Which assets this run makes.")
    scenes_per_batch: int = Field(8, ge=1, description="Scenes that share one Dagster run and one model.")
    parallel_scenes: int = Field(1, ge=1, description="Processes that work on different scenes at a time.")
    wait_s: float = Field(0.0, ge=0, description="Seconds to wait for another process that holds a scene.")
    memory_events: str | None = Field(
        None, description="cgroup memory.events file to watch; empty for this process's own."
    )

    @pydantic.field_validator("tag", "name")
    @classmethod
    def _is_key(cls, value: str) -> str:
        return _as_value_error(check_scene_key, value)

    @pydantic.field_validator("scenes", "datasets", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return listed(value)

    @pydantic.field_validator("frames", mode="before")
    @classmethod
    def _slice(cls, value: Any) -> Any:
        if isinstance(value, dict) and set(value) <= {"start", "end", "step"}:
            parts = [value.get(part) for part in ("start", "end", "step")]
            value = ":".join("" if part is None else str(part) for part in parts)
        if value is None or value == "":
            return None
        if isinstance(value, str):
            _as_value_error(parse_frames, value)
        return value

    @pydantic.field_validator("device")
    @classmethod
    def _device(cls, value: str | None) -> str | None:
        if value is not None and not _DEVICE.fullmatch(value):
            raise ValueError("expected auto, cpu, cuda or cuda:<i>")
        return value

    @property
    def root(self) -> str:
        """The output root: its placeholder filled, a local path made absolute."""
        text = self.output_root.replace("{name}", self.name)
        return text if "://" in text else str(Path(text).expanduser().absolute())


def _as_value_error(check: Callable[[str], Any], value: str) -> Any:
    try:
        return check(value)
    except BadConfig as error:
        raise ValueError(str(error)) from None
