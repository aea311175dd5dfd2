"""Tubes of a whole video, of any length: windows that overlap, linked by the masks they share.

Each frame is encoded once and kept only while a window needs it; its masks are compressed as soon as no later window
can change them. Memory grows by the run lengths of the masks alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from scipy.optimize import linear_sum_assignment

from segassets.errors import BadInput
from segassets.masks import rle
from segassets.masks.tubes import Tubes
from segassets.models.seqformer.config import WindowConfig
from segassets.models.seqformer.network import Encoded, SeqFormer
from segassets.models.seqformer.windows import (
    WindowTubes,
    best_queries,
    encode_pictures,
    enlarge,
    joined,
    without_doubles,
)

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass
class _Tube:
    """A tube in the making: sums of logits (h, w) and their number on frames that may still change."""

    scores: torch.Tensor
    weight: float
    open: dict[int, tuple[torch.Tensor, int]] = field(default_factory=dict)
    masks: dict[int, str] = field(default_factory=dict)


class VideoSegmenter:
    """A SeqFormer that gives the tubes of videos.

    Args:
        image_size: side of the pictures the network sees, in px; of which side, its config says.
    """

    def __init__(self, network: SeqFormer, image_size: int, windows: WindowConfig | None = None) -> None:
        self.network, self.image_size = network.eval(), image_size
        self.windows = windows or WindowConfig()
        self._device = next(network.parameters()).device

    def segment(self, frames: Iterable[np.ndarray]) -> Tubes:
        """Tubes of a video, best first, ids from 1; frames count from 0.

        Args:
            frames: uint8 (H, W, 3), one or more, all of one size. Read once, in order.

        Raises:
            BadInput: no frame, or frames of several sizes.
        """
        config = self.windows
        tubes: list[_Tube] = []
        waiting: list[Encoded] = []
        size_hw: tuple[int, int] | None = None
        begin = seen = used = 0
        for rgb in frames:
            if size_hw is None:
                size_hw = (rgb.shape[0], rgb.shape[1])
            if rgb.shape[:2] != size_hw:
                raise BadInput(
                    f"frame {seen}: expected the size of the first, {size_hw}, found {rgb.shape[:2]} (height, width)"
                )
            waiting.append(self._encode(rgb))
            seen += 1
            if seen - begin == config.frames:
                self._window(tubes, waiting, begin, used, size_hw)
                used = seen
                del waiting[: config.stride]
                begin += config.stride
                _close(tubes, begin, self._mask_text(size_hw))
        if size_hw is None:
            raise BadInput("expected a video of at least one frame, found none")
        if (
            used < seen
        ):  # what is left: a short video, or the last frames with as many before them as are still there
            self._window(tubes, waiting, begin, used, size_hw)
        _close(tubes, seen, self._mask_text(size_hw))
        return self._tubes(tubes, size_hw)

    def _encode(self, rgb: np.ndarray) -> Encoded:
        picture = (
            torch.from_numpy(np.ascontiguousarray(rgb)).to(self._device).permute(2, 0, 1)[None].float() / 255
        )
        size = seen_size(rgb.shape[:2], self.image_size, self.network.config.picture)
        if size != rgb.shape[:2]:
            picture = F.interpolate(picture, size, mode="bilinear", antialias=True, align_corners=False)
        mean, std = (torch.tensor(values, device=self._device).view(3, 1, 1) for values in (MEAN, STD))
        return encode_pictures(self.network, (picture - mean) / std)

    def _window(
        self, tubes: list[_Tube], waiting: list[Encoded], begin: int, used: int, size_hw: tuple[int, int]
    ) -> None:
        """Decode one window from frame `begin` on, and lay what it shows over the tubes; frames from `used` are new."""
        encoded = joined(waiting)
        width, height = encoded.sizes_wh[0].tolist()
        found = best_queries(self.network, encoded, (height, width), self.windows.top, self.windows.score)
        link(tubes, without_doubles(found, self.windows.max_overlap), begin, used, self.windows.link_iou)

    def _mask_text(self, size_hw: tuple[int, int]) -> _MaskText:
        seen = seen_size(size_hw, self.image_size, self.network.config.picture)
        return _MaskText(seen, size_hw, self.windows.mask)

    def _tubes(self, tubes: list[_Tube], size_hw: tuple[int, int]) -> Tubes:
        rows: list[tuple[float, int, dict[int, str]]] = []
        ids = self.network.config.ids
        for tube in tubes:
            if not tube.masks:
                continue
            values, classes = tube.scores.topk(min(self.windows.labels, len(tube.scores)))
            rows += [
                (value, ids[place], tube.masks)
                for value, place in zip(values.tolist(), classes.tolist(), strict=True)
                if value >= self.windows.score
            ]
        rows.sort(key=lambda row: -row[0])
        return Tubes(
            *size_hw,
            [masks for _, _, masks in rows],
            categories=np.array([category for _, category, _ in rows], np.int64),
            scores=np.array([score for score, _, _ in rows], np.float64),
        )


@dataclass(frozen=True)
class _MaskText:
    """Logits (h, w) at stride 4 -> run lengths at the video's size; None for an empty mask."""

    seen_hw: tuple[int, int]
    size_hw: tuple[int, int]
    threshold: float

    def __call__(self, low: torch.Tensor) -> str | None:
        logits = enlarge(low[None, None], self.seen_hw, self.size_hw)[0, 0]
        mask = logits > float(np.log(self.threshold / (1 - self.threshold)))
        return rle.encode(mask.cpu().numpy()) if bool(mask.any()) else None


def link(tubes: list[_Tube], found: WindowTubes, begin: int, used: int, least_iou: float) -> None:
    """Lay a window's instances over the tubes: pairs of greatest IoU on the frames both have; the rest begin new ones.

    Args:
        begin: first frame of the window.
        used: first frame no earlier window had.
    """
    count, frames = found.low_logits.shape[:2]
    shared = range(begin, min(used, begin + frames))
    going = [tube for tube in tubes if any(frame in tube.open for frame in shared)]
    partners: dict[int, _Tube] = {}
    if going and count:
        overlap = _overlaps(going, found.low_logits, begin, shared)
        rows, columns = linear_sum_assignment(-overlap)
        pairs = zip(rows.tolist(), columns.tolist(), strict=True)
        partners = {column: going[row] for row, column in pairs if overlap[row, column] >= least_iou}
    for number in range(count):
        tube = partners.get(number)
        scores = found.scores[number].cpu()
        if tube is None:
            tube = _Tube(torch.zeros_like(scores), 0.0)
            tubes.append(tube)
        tube.scores = (tube.scores * tube.weight + scores * frames) / (tube.weight + frames)
        tube.weight += frames
        for at in range(frames):
            logits, times = tube.open.get(begin + at, (0.0, 0))
            tube.open[begin + at] = (logits + found.low_logits[number, at], times + 1)


def _overlaps(going: list[_Tube], logits: torch.Tensor, begin: int, shared: range) -> np.ndarray:
    """IoU of tubes and instances (rows, columns) over the shared frames."""
    ours = torch.stack(
        [
            torch.stack(
                [tube.open[f][0] if f in tube.open else torch.full_like(logits[0, 0], -1.0) for f in shared]
            )
            for tube in going
        ]
    )
    first = (ours > 0).flatten(1).float()
    second = (logits[:, shared.start - begin : shared.stop - begin] > 0).flatten(1).float()
    both = first @ second.T
    either = first.sum(1)[:, None] + second.sum(1)[None] - both
    return (both / either.clamp(min=1)).cpu().numpy()


def _close(tubes: list[_Tube], until: int, text: _MaskText) -> None:
    """Compress the masks of frames before `until`: no later window has them."""
    for tube in tubes:
        for frame in [frame for frame in tube.open if frame < until]:
            logits, times = tube.open.pop(frame)
            counts = text(logits / times)
            if counts is not None:
                tube.masks[frame] = counts


def seen_size(size_hw: tuple[int, ...], image_size: int, picture: str) -> tuple[int, int]:
    """Height and width at which the network sees a picture."""
    if picture == "square":
        return (image_size, image_size)
    scale = image_size / min(size_hw)
    return (max(1, round(size_hw[0] * scale)), max(1, round(size_hw[1] * scale)))
