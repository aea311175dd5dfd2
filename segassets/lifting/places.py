"""Where instances are, for questions: in the room, or, without a common space, in a picture.

Both tell of any two instances how far the first lies right of, above and beyond the second as a viewer sees it, and of
each its size, height and distance. The viewer stands where the frame was taken that shows both of them largest; where
no frame shows both, at the first frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from scipy.spatial import cKDTree

from segassets.geometry.boxes import OrientedBox

_MOST_POINTS = 400
_ALL = 0.35  # share of the ground plan of everything from which a thing is floor or wall
_ALL_OF_PICTURE = 0.5  # share of the picture


class Places(Protocol):
    """What questions ask of the places of N instances."""

    space: str

    def offset(self, one: int, other: int) -> np.ndarray:
        """(3,) how far the first's centre lies to the right of, above and beyond the other's."""
        ...

    def gap(self, one: int, other: int) -> float:
        """Free distance between the two, 0 where they touch."""
        ...

    def reach(self, one: int) -> np.ndarray:
        """(3,) half extents to the right, upwards and away."""
        ...

    def measure(self, what: str) -> np.ndarray | None:
        """(N,) values by which all are compared (large, tall, high, nearest, leftmost); None where not known."""
        ...

    def floor_gap(self) -> np.ndarray | None:
        """(N,) distance of each one's lower side from the floor, in metres; None where not known."""
        ...

    def spans_all(self) -> np.ndarray:
        """(N,) bool: what reaches over so much of the room, or of its picture, that it is floor or wall."""
        ...


class RoomPlaces:
    """Places of instances that share the world's axes.

    Args:
        boxes: of the N instances.
        points: (M, 3) of each.
        views: frames that see each.
        poses: camera-to-world (4, 4) by frame.
        up: the world's up; None takes the viewer's.
    """

    space = "world"

    def __init__(
        self,
        boxes: Sequence[OrientedBox],
        points: Sequence[np.ndarray],
        views: Sequence[Sequence[int]],
        poses: Sequence[np.ndarray],
        up: np.ndarray | None,
    ) -> None:
        self._boxes, self._poses = boxes, poses
        self._points = [own[:: max(1, len(own) // _MOST_POINTS)].astype(np.float64) for own in points]
        self._gaps: dict[tuple[int, int], float] = {}
        self._views = [set(frames) for frames in views]
        self._up = up if up is not None else -np.mean([pose[:3, 1] for pose in poses], axis=0)
        self._up = self._up / max(float(np.linalg.norm(self._up)), 1e-9)

    def viewer(self, one: int, other: int) -> int:
        """The frame from which the two are looked at: of those that see both, the middle one; else the first."""
        both = sorted(self._views[one] & self._views[other])
        return both[len(both) // 2] if both else 0

    def _axes(self, frame: int) -> np.ndarray:
        """(3, 3) rows: right, up, away, of a viewer who holds the head upright."""
        away = self._poses[frame][:3, 2] - (self._poses[frame][:3, 2] @ self._up) * self._up
        if np.linalg.norm(away) < 0.1:  # looking straight down: the picture's upper side is away
            away = -self._poses[frame][:3, 1]
            away = away - (away @ self._up) * self._up
        away = away / np.linalg.norm(away)
        return np.stack([np.cross(away, self._up), self._up, away])

    def offset(self, one: int, other: int) -> np.ndarray:
        return self._axes(self.viewer(one, other)) @ (self._boxes[one].centre - self._boxes[other].centre)

    def gap(self, one: int, other: int) -> float:
        pair = (one, other) if one < other else (other, one)
        if pair not in self._gaps:
            distance, _ = self._trees[pair[0]].query(self._points[pair[1]])
            self._gaps[pair] = float(distance.min())
        return self._gaps[pair]

    @cached_property
    def _trees(self) -> list[cKDTree]:
        return [cKDTree(own) for own in self._points]

    def reach(self, one: int) -> np.ndarray:
        box = self._boxes[one]
        edges = box.axes * box.size / 2
        return np.abs(self._axes(0) @ edges).sum(1)

    @cached_property
    def _heights(self) -> tuple[np.ndarray, np.ndarray]:
        low = np.array([np.quantile(own @ self._up, 0.02) for own in self._points])
        return low, np.array([np.quantile(own @ self._up, 0.98) for own in self._points])

    def measure(self, what: str) -> np.ndarray | None:
        low, high = self._heights
        if what == "large":
            return np.array([float(np.prod(np.sort(box.size)[1:])) for box in self._boxes])
        if what == "tall":
            return high - low
        if what == "high":
            return (low + high) / 2
        if what == "nearest":
            return -np.array([self._distance(at) for at in range(len(self._boxes))])
        if what == "leftmost":
            return -np.array([self._axes(0)[0] @ box.centre for box in self._boxes])
        return None

    def _distance(self, at: int) -> float:
        """From the nearest of the cameras that see it."""
        frames = self._views[at] or {0}
        centre = self._boxes[at].centre
        return min(float(np.linalg.norm(centre - self._poses[frame][:3, 3])) for frame in frames)

    def floor_gap(self) -> np.ndarray | None:
        low, _ = self._heights
        return low - low.min()

    def spans_all(self) -> np.ndarray:
        first = np.eye(3)[int(np.argmin(np.abs(self._up)))]
        one = np.cross(self._up, first)
        plan = np.stack([one / np.linalg.norm(one), np.cross(self._up, one / np.linalg.norm(one))], 1)
        flat = [own @ plan for own in self._points]
        extents = np.array([np.ptp(own, axis=0) for own in flat])
        whole = np.ptp(np.concatenate(flat), axis=0)
        return np.prod(extents, axis=1) >= _ALL * np.prod(whole)


class PicturePlaces:
    """Places in the pictures: boxes of the frame that shows both, in shares of its diagonal.

    A thing whose lower edge is higher in the picture is taken to be farther away, as things on a floor are.

    Args:
        boxes: by instance: frame -> box xywh in pixels.
        sizes: (height, width) of each frame.
        best: the best frame of each instance.
    """

    space = "picture"

    def __init__(
        self,
        boxes: Sequence[dict[int, Sequence[float]]],
        sizes: Sequence[tuple[int, int]],
        best: Sequence[int],
    ) -> None:
        self._boxes, self._best = boxes, best
        self._diagonal = [float(np.hypot(*size)) for size in sizes]
        self._squares = [float(np.hypot(*size)) ** 2 / (size[0] * size[1]) for size in sizes]

    def _box(self, one: int, frame: int) -> np.ndarray:
        return np.asarray(self._boxes[one][frame], np.float64) / self._diagonal[frame]

    def _together(self, one: int, other: int) -> tuple[np.ndarray, np.ndarray] | None:
        """Boxes of the two on the frame that shows them largest together; None where no frame shows both."""
        both = self._boxes[one].keys() & self._boxes[other].keys()
        if not both:
            return None
        frame = max(both, key=lambda at: (self._area(one, at) + self._area(other, at), -at))
        return self._box(one, frame), self._box(other, frame)

    def _area(self, one: int, frame: int) -> float:
        return float(np.prod(self._box(one, frame)[2:]))

    def offset(self, one: int, other: int) -> np.ndarray:
        found = self._together(one, other)
        if found is None:
            return np.full(3, np.nan)
        first, second = found
        centre = (first[:2] + first[2:] / 2) - (second[:2] + second[2:] / 2)
        foot = (first[1] + first[3]) - (second[1] + second[3])
        return np.array([centre[0], -centre[1], -foot])

    def gap(self, one: int, other: int) -> float:
        found = self._together(one, other)
        if found is None:
            return float("nan")
        first, second = found
        free = np.maximum(first[:2] - (second[:2] + second[2:]), second[:2] - (first[:2] + first[2:]))
        return float(np.linalg.norm(np.maximum(free, 0)))

    def reach(self, one: int) -> np.ndarray:
        width, height = self._box(one, self._best[one])[2:]
        return np.array([width / 2, height / 2, 0.0])

    def measure(self, what: str) -> np.ndarray | None:
        boxes = np.array([self._box(at, frame) for at, frame in enumerate(self._best)]).reshape(-1, 4)
        x, y, width, height = boxes.T
        values = {
            "large": width * height,
            "tall": height,
            "high": -(y + height / 2),
            "nearest": y + height,
            "leftmost": -(x + width / 2),
        }
        return values.get(what)

    def floor_gap(self) -> np.ndarray | None:
        return None

    def spans_all(self) -> np.ndarray:
        area = [self._area(at, frame) * self._squares[frame] for at, frame in enumerate(self._best)]
        return np.array(area, float) >= _ALL_OF_PICTURE


def picture_boxes(masks: Sequence[dict[str, Any]]) -> dict[int, Sequence[float]]:
    """frame -> box xywh around all masks of an instance on that frame."""
    found: dict[int, np.ndarray] = {}
    for row in masks:
        x, y, w, h = row["bbox_xywh"]
        corners = np.array([x, y, x + w, y + h])
        if row["frame"] in found:
            before = found[row["frame"]]
            corners = np.concatenate(
                [np.minimum(before[:2], corners[:2]), np.maximum(before[2:], corners[2:])]
            )
        found[row["frame"]] = corners
    return {frame: [*box[:2], *(box[2:] - box[:2])] for frame, box in found.items()}
