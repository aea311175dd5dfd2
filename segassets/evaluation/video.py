"""J and F of masks over time, as the DAVIS and SA-V benchmarks define them, per frame, object and video.

J is the intersection over union of the regions. F is the F-measure of the boundaries: a boundary pixel
counts as found when the other boundary passes within `ceil(0.008 x diagonal)` pixels of it (a disk). Two
empty masks agree fully (1), an empty against a filled one not at all (0). Source: Perazzi et al., A
Benchmark Dataset and Evaluation Methodology for Video Object Segmentation, CVPR 2016; constants of the
DAVIS 2017 evaluation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import distance_transform_edt

from segassets.errors import BadInput
from segassets.evaluation.pairs import pair_iou_rle
from segassets.masks import rle

TOLERANCE_OF_DIAGONAL = 0.008


def boundary_tolerance_px(height: int, width: int) -> int:
    """Pixels two boundaries may lie apart and still agree."""
    return int(np.ceil(TOLERANCE_OF_DIAGONAL * np.hypot(height, width)))


def boundary_f(predicted: np.ndarray, truth: np.ndarray, tolerance_px: int | None = None) -> float:
    """F-measure of the boundaries of two boolean masks (H, W); 1 when neither has a boundary.

    Args:
        tolerance_px: default `boundary_tolerance_px` of the frame.
    """
    _same_shape(predicted, truth)
    if tolerance_px is None:
        tolerance_px = boundary_tolerance_px(*truth.shape)
    window = _window(predicted | truth, tolerance_px)
    edge, true_edge = mask_boundary(predicted[window]), mask_boundary(truth[window])
    found, wanted = np.count_nonzero(edge), np.count_nonzero(true_edge)
    if found == 0 and wanted == 0:
        return 1.0
    if found == 0 or wanted == 0:
        return 0.0
    precision = np.count_nonzero(edge & _near(true_edge, tolerance_px)) / found
    recall = np.count_nonzero(true_edge & _near(edge, tolerance_px)) / wanted
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def mask_boundary(mask: np.ndarray) -> np.ndarray:
    """Boolean (H, W): pixels that differ from their right, lower or lower right neighbour.

    The last column looks down only and the last row right only: a mask that touches the border has no
    boundary there.
    """
    edge = np.zeros(mask.shape, bool)
    edge[:, :-1] |= mask[:, :-1] ^ mask[:, 1:]
    edge[:-1] |= mask[:-1] ^ mask[1:]
    edge[:-1, :-1] |= mask[:-1, :-1] ^ mask[1:, 1:]
    return edge


@dataclass(frozen=True)
class ObjectScore:
    """Scores of one object.

    Attributes:
        j, f: per frame float64 (T,); f is nan where it was not asked for.
    """

    j: np.ndarray
    f: np.ndarray

    @property
    def mean_j(self) -> float:
        """Mean over frames."""
        return float(self.j.mean()) if len(self.j) else float("nan")

    @property
    def mean_f(self) -> float:
        """Mean over frames."""
        return float(self.f.mean()) if len(self.f) else float("nan")


def score_object(
    predicted: Mapping[int, str],
    truth: Mapping[int, str],
    frames: Sequence[int],
    height: int,
    width: int,
    *,
    boundary: bool = True,
) -> ObjectScore:
    """J and F of one object on each of `frames`.

    Args:
        predicted, truth: frame -> RLE counts; a frame that is missing is an empty mask.
        boundary: compute F too, which decodes every mask.
    """
    nothing = rle.union([], height, width)
    mine, true = ([masks.get(frame, nothing) for frame in frames] for masks in (predicted, truth))
    f = np.full(len(frames), np.nan)
    for at, pair in enumerate(zip(mine, true, strict=True)) if boundary else ():
        f[at] = 1.0 if pair == (nothing, nothing) else boundary_f(*rle.decode_batch(pair, height, width))
    return ObjectScore(pair_iou_rle(mine, true, height, width), f)


def score_video(scores: Sequence[ObjectScore], *, skip_first_and_last: bool = False) -> dict[str, float]:
    """{"j", "f", "j_and_f", "objects"}: mean over frames per object, then over objects.

    Args:
        skip_first_and_last: as the benchmarks do, whose first frame is given and whose last is not judged.
    """
    if skip_first_and_last:
        scores = [ObjectScore(score.j[1:-1], score.f[1:-1]) for score in scores]
    scores = [score for score in scores if len(score.j)]
    if not scores:
        return {"j": float("nan"), "f": float("nan"), "j_and_f": float("nan"), "objects": 0}
    j = float(np.mean([score.mean_j for score in scores]))
    f = float(np.mean([score.mean_f for score in scores]))
    return {"j": j, "f": f, "j_and_f": (j + f) / 2, "objects": len(scores)}


def j_first_mask(truth: Mapping[int, str], frames: Sequence[int], height: int, width: int) -> float:
    """J of the trivial tracker that keeps an object's first true mask for ever: the figure to beat.

    Mean over `frames` from the object's first appearance on, that frame included; nan when it never appears.
    """
    from_first = [frame for frame in sorted(frames) if truth and frame >= min(truth)]
    first = next((truth[frame] for frame in from_first if frame in truth), None)
    if first is None:
        return float("nan")
    later = [truth[frame] for frame in from_first if frame in truth]
    return float(rle.iou_matrix([first], later, height, width).sum() / len(from_first))


def _near(edge: np.ndarray, tolerance_px: int) -> np.ndarray:
    """`edge` dilated by a disk: every pixel at most `tolerance_px` from it."""
    return distance_transform_edt(~edge) <= tolerance_px


def _window(mask: np.ndarray, margin: int) -> tuple[slice, slice]:
    """The part of the frame where boundaries and their neighbourhood can lie."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return slice(0, 0), slice(0, 0)
    margin += 2
    return (
        slice(max(0, rows[0] - margin), rows[-1] + margin),
        slice(max(0, columns[0] - margin), columns[-1] + margin),
    )


def _same_shape(predicted: np.ndarray, truth: np.ndarray) -> None:
    if predicted.shape != truth.shape or predicted.ndim != 2:
        raise BadInput(
            f"expected two masks of one (height, width), found {predicted.shape} and {truth.shape}"
        )
