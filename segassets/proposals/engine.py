"""What the stage asks of a candidate engine, and the choice of one by config. Imports no model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from segassets.proposals.config import CandidateConfig
from segassets.proposals.frame import FrameCandidates

if TYPE_CHECKING:
    from segassets.models.protocols import ImageSegmenter


class CandidateEngine(Protocol):
    """Anything that proposes masks of the configured levels on pictures."""

    def propose(
        self, frames: Iterable[tuple[int, np.ndarray]], work_dir: Path
    ) -> Iterator[tuple[int, FrameCandidates]]:
        """Candidates of each frame, in any order, as soon as they are known.

        Args:
            frames: (frame index, picture (H, W, 3) uint8 RGB).
            work_dir: an empty or earlier folder of this very work, for files that help to go on after a kill.
        """
        ...


def make_engine(config: CandidateConfig, segmenter: Callable[[], ImageSegmenter]) -> CandidateEngine:
    """The engine the config names; `segmenter` loads the run's model and is called only where needed."""
    if config.engine == "external":
        from segassets.proposals.external import ExternalEngine

        return ExternalEngine(config)
    from segassets.proposals.sam2_engine import Sam2CandidateEngine

    return Sam2CandidateEngine(segmenter(), config)
