"""How hard a room is to segment and track: how much is hidden, how far a first mask that stays put gets."""

from __future__ import annotations

import numpy as np

from segassets.datasets.rooms.clip import RoomClip

HIDDEN_BELOW = 0.9
MIN_AREA_FRACTION = 0.005


def partly_hidden(clip: RoomClip) -> np.ndarray:
    """(T, N) float: 1 where more than a tenth of it is hidden, 0 where not, nan out of the picture."""
    share = clip.visibility
    return np.where(np.isnan(share), np.nan, (share < HIDDEN_BELOW).astype(float))


def hidden_fraction(clips: list[RoomClip]) -> float:
    """Share of all objects in all frames, where they are inside the picture, that are partly hidden."""
    values = np.concatenate([partly_hidden(clip).ravel() for clip in clips]) if clips else np.zeros(0)
    return float(np.nanmean(values)) if np.isfinite(values).any() else 0.0


def first_mask_j(clip: RoomClip, frames: int = 8, count_gone: bool = True) -> np.ndarray:
    """(M,) J of keeping the first mask, for each object that covers over 0.5 % of frame 0.

    Args:
        clip: The room.
        frames: Frames from the first; the first itself is not scored.
        count_gone: Score 0 where the object is not seen any more; left out otherwise.
    """
    first = clip.object_ids[0]
    scores = []
    for thing in clip.objects:
        start = first == thing.object_id
        if start.sum() <= MIN_AREA_FRACTION * start.size:
            continue
        later = [_iou(start, ids == thing.object_id) for ids in clip.object_ids[1:frames]]
        kept = [iou for iou, seen in later if seen or count_gone]
        if kept:
            scores.append(float(np.mean(kept)))
    return np.array(scores)


def _iou(one: np.ndarray, two: np.ndarray) -> tuple[float, bool]:
    union = int((one | two).sum())
    return (int((one & two).sum()) / union if union else 1.0), bool(two.any())


def difficulty(clips: list[RoomClip]) -> dict[str, float]:
    """The figures of a set of rooms: what its description may claim.

    `first_mask_j` is over the first 8 frames, `first_mask_j_seen` leaves out frames where an object is gone.
    """
    counts = [len(clip.objects) for clip in clips]
    kept = np.concatenate([first_mask_j(clip) for clip in clips])
    seen = np.concatenate([first_mask_j(clip, count_gone=False) for clip in clips])
    share = np.concatenate([(clip.visible_px / clip.object_ids[0].size).ravel() for clip in clips])
    return {
        "objects_min": float(min(counts)),
        "objects_max": float(max(counts)),
        "hidden_fraction": hidden_fraction(clips),
        "first_mask_j": float(kept.mean()) if len(kept) else float("nan"),
        "first_mask_j_seen": float(seen.mean()) if len(seen) else float("nan"),
        "first_mask_objects": float(len(kept)),
        "useful_size_fraction": float(((share > MIN_AREA_FRACTION) & (share < 0.15)).mean()),
        "late_objects": float(sum(thing.arrives > 0 for clip in clips for thing in clip.objects)),
    }
