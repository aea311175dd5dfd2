"""Videos that give too little to learn from: the rules, and the report that names each with its reason."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from segassets.errors import MissingInput
from segassets.strict import StrictModel

Reason = Literal[
    "in_skip_list", "no_frames", "no_masks", "too_few_masks", "low_coverage",
    "unpaired_masks", "other_size", "unreadable",
]  # fmt: skip


class SkipRules(StrictModel):
    """Which videos are left out."""

    skip_list: list[str] = Field([], description="Names of videos (scenes) to leave out.")
    min_masks: int = Field(3, ge=0, description="Frames with a mask below which a video is left out.")
    min_coverage: float = Field(
        0.2, ge=0, le=1, description="Share of the frames with a mask below which a video is left out."
    )

    def reason(self, video: str, frames: int, masks: int) -> Reason | None:
        """Why a video is left out; None keeps it.

        Args:
            frames: of the video.
            masks: frames of it that have a mask (or a mask picture).
        """
        if video in self.skip_list:
            return "in_skip_list"
        if frames == 0:
            return "no_frames"
        if masks == 0:
            return "no_masks"
        if masks < self.min_masks:
            return "too_few_masks"
        return "low_coverage" if masks / frames < self.min_coverage else None


@dataclass
class SkipReport:
    """Videos left out; a video without instances is an ordinary one."""

    rules: SkipRules
    skipped: list[dict[str, Any]] = field(default_factory=list)

    def add(self, video: str, reason: Reason, frames: int, masks: int, **more: Any) -> dict[str, Any]:
        """Take one in; `more` are further facts (frame_dir, mask_dir, problem)."""
        record = {
            "video": video,
            "reason": reason,
            "frames": frames,
            "masks": masks,
            "coverage": round(masks / frames, 6) if frames else 0.0,
            "min_masks": self.rules.min_masks,
            "min_coverage": self.rules.min_coverage,
            **more,
        }
        self.skipped.append(record)
        return record

    def to_dict(self, **more: Any) -> dict[str, Any]:
        """The report as JSON; `more` stands first (out_json, skip_list)."""
        rules = {"min_masks": self.rules.min_masks, "min_coverage": self.rules.min_coverage}
        return {**more, **rules, "skipped": self.skipped, "num_skipped": len(self.skipped)}


def read_skip_list(path: Path) -> list[str]:
    """Names, one a line; what follows a `#` is a comment.

    Raises:
        MissingInput: there is no such file.
    """
    try:
        lines = Path(path).read_text("utf-8").splitlines()
    except FileNotFoundError:
        raise MissingInput(f"no skip list at {path}") from None
    names = (line.split("#", 1)[0].strip() for line in lines)
    return [name for name in names if name]
