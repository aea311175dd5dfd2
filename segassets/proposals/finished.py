"""Keyframes already proposed, kept in a folder so that a killed run goes on where it stopped."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from segassets.errors import BadInput
from segassets.masks.runs import check_counts
from segassets.proposals.frame import FrameCandidates
from segassets.storage import atomic

_SCORES = ("stability", "predicted_iou")


class FinishedFrames:
    """One JSON file a keyframe, written whole or not at all.

    Args:
        folder: belongs to one scene, one config and one model; whoever gives it answers for that.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(self, frame: int, candidates: FrameCandidates) -> None:
        """Keep the candidates of a frame."""
        values = {
            "height": candidates.height,
            "width": candidates.width,
            "rle_counts": candidates.rle_counts,
            "level": candidates.level.tolist(),
            "parent": candidates.parent.tolist(),
            "source": candidates.source,
        }
        for name in _SCORES:
            values[name] = [None if np.isnan(value) else float(value) for value in getattr(candidates, name)]
        atomic.write_text(self._path(frame), json.dumps(values))

    def load(self, frame: int) -> FrameCandidates | None:
        """The candidates of a frame; None where they are not there or the file does not hold them."""
        try:
            values = json.loads(self._path(frame).read_text("utf-8"))
            number = len(values["rle_counts"])
            sizes = np.full(number, values["height"]), np.full(number, values["width"])
            check_counts(values["rle_counts"], *sizes)
            return FrameCandidates(
                values["height"],
                values["width"],
                values["rle_counts"],
                np.array(values["level"], np.int8),
                np.array(values["parent"], np.int64),
                _scores(values["stability"]),
                _scores(values["predicted_iou"]),
                values["source"],
            )
        except (OSError, ValueError, KeyError, TypeError, BadInput):
            return None

    def _path(self, frame: int) -> Path:
        return self.folder / f"{frame:06d}.json"


def _scores(values: list[float | None]) -> np.ndarray:
    return np.array([np.nan if value is None else value for value in values], np.float32)
