"""Pictures of an answer: the best frame with what was found outlined, each instance cut out, the room from above."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from segassets.datasets.frames import FrameSource
from segassets.lifting.ask import Answer
from segassets.lifting.instance_pictures import instance_masks, instances_from_above
from segassets.lifting.stored_instances import StoredInstances
from segassets.media.draw import contact_sheet, draw_instances

_CELL_PX = 300
_MARGIN = 0.35  # of the box's longer side, around a cut-out


def answer_pictures(
    answer: Answer, source: FrameSource, stored: StoredInstances, masks: pa.Table
) -> list[tuple[str, np.ndarray]]:
    """(caption, RGB uint8) of an answer: the first instance on its best frame together with the things it was found
    beside, the cut-outs of the others, and all of them from above where they share a space. Empty without an answer.
    """
    if not answer.rows:
        return []
    first = answer.rows[0]
    beside = {answer.ids[at] for at in answer.ranked[0].beside.values()}
    frame = _frame_with(stored, first, beside)
    shown = [row for row in stored.rows if row["instance_id"] in {first["instance_id"], *beside}]
    drawn = draw_instances(source.read(frame), instance_masks(masks, shown, frame))
    pictures = [(f"1: instance {first['instance_id']}, frame {frame}", drawn)]
    for at, row in enumerate(answer.rows[1:], start=2):
        cut = _cut_out(source, row, masks)
        pictures.append((f"{at}: instance {row['instance_id']}, frame {row['best_frame']}", cut))
    above = instances_from_above(stored, _CELL_PX, [row["instance_id"] for row in answer.rows])
    if above is not None:
        pictures.append(("from above", above))
    return pictures


def answer_sheet(
    answer: Answer, source: FrameSource, stored: StoredInstances, masks: pa.Table
) -> np.ndarray | None:
    """The pictures of an answer side by side with their captions; None without an answer."""
    pictures = answer_pictures(answer, source, stored, masks)
    if not pictures:
        return None
    captions = [caption for caption, _ in pictures]
    return contact_sheet(
        [picture for _, picture in pictures], columns=len(pictures), labels=captions, cell_px=_CELL_PX
    )


def _frame_with(stored: StoredInstances, first: dict, beside: set[int]) -> int:
    """The best frame, or of those that show everything named the one nearest to it."""
    common = set(first["views"])
    for row in stored.rows:
        if row["instance_id"] in beside:
            common &= set(row["views"])
    best = int(first["best_frame"])
    return min(common, key=lambda frame: (abs(frame - best), frame)) if common else best


def _cut_out(source: FrameSource, row: dict, masks: pa.Table) -> np.ndarray:
    """Square around an instance on its best frame, moved into the picture where it can be; the instance outlined."""
    frame = int(row["best_frame"])
    drawn = draw_instances(source.read(frame), instance_masks(masks, [row], frame), labels=False, alpha=0.15)
    x, y, width, height = row["best_bbox_xywh"]
    most = np.array(drawn.shape[:2])
    side = np.minimum(int(np.ceil(max(width, height) * (1 + 2 * _MARGIN))), most)
    centre = np.array([y + height / 2, x + width / 2])
    low = np.clip((centre - side / 2).astype(int), 0, most - side)
    high = low + side
    return np.ascontiguousarray(drawn[low[0] : high[0], low[1] : high[1]])
