"""A scene asked in words: its stored instances, masks and cameras brought together, the answer with its pictures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from segassets.geometry.poses import rigid_pose
from segassets.lifting.places import PicturePlaces, Places, RoomPlaces, picture_boxes
from segassets.lifting.query import Ranked, rank
from segassets.lifting.query_config import QueryConfig
from segassets.lifting.question import Question, parse_question
from segassets.lifting.relevancy import relevancy
from segassets.lifting.stored_instances import StoredInstances

if TYPE_CHECKING:
    from segassets.models.protocols import Embedder

_PICTURE_NOTE = "the instances share no space: places are judged in the pictures, in shares of their size"


@dataclass(frozen=True)
class Answer:
    """What a question found.

    Attributes:
        question: as it was understood.
        ranked: the best instances, best first.
        rows: their rows of schema SCENE_INSTANCES, in the same order.
        ids: instance ids of all instances, by position.
        notes: what a reader should know.
    """

    question: Question
    ranked: list[Ranked]
    rows: list[dict[str, Any]]
    ids: list[int]
    notes: list[str] = field(default_factory=list)

    def records(self) -> list[dict[str, Any]]:
        """One record an instance: rank, instance_id, score, relevancy, place (metres) and the box on its best frame."""
        return [
            {
                "rank": at + 1,
                "instance_id": row["instance_id"],
                "score": round(item.score, 4),
                "relevancy": None if item.relevancy is None else round(item.relevancy, 4),
                "space": row["space"],
                "unit": row["unit"],
                "center": _rounded(row["obb_center"]),
                "size": _rounded(row["obb_size"]),
                "best_frame": row["best_frame"],
                "best_bbox_xywh": _rounded(row["best_bbox_xywh"], 1),
                "track_ids": row["track_ids"],
                "parts": {name: round(value, 4) for name, value in item.parts.items()},
                "beside": {name: self.ids[whom] for name, whom in item.beside.items()},
            }
            for at, (item, row) in enumerate(zip(self.ranked, self.rows, strict=True))
        ]


def _rounded(numbers: list[float] | None, digits: int = 3) -> list[float] | None:
    return None if numbers is None else [round(float(value), digits) for value in numbers]


@dataclass
class AskedScene:
    """A scene that can be asked.

    Args:
        stored: its instances.
        masks: the masks they were fused from, schema MASKS.
        frames: schema FRAMES.
        embedder: the network that the instances' embeddings came from; None where there are none.
    """

    stored: StoredInstances
    masks: pa.Table
    frames: pa.Table
    embedder: Embedder | None = None

    def ask(self, text: str, config: QueryConfig) -> Answer:
        """Rank the instances by a question.

        Raises:
            BadInput: the question cannot be understood.
        """
        question = parse_question(text)
        rows = self.stored.rows
        notes = list(self.stored.facts["notes"])
        if self.places.space == "picture" and (question.relations or question.places or _degrees(question)):
            notes.append(_PICTURE_NOTE)
        look = _Look(self.stored.embeddings, self.embedder, config) if self.embedder else None
        confidence = np.array([row["confidence"] for row in rows], np.float64)
        ranked, more = rank(question, look if look and look.known else None, self.places, confidence, config)
        best = max((item.relevancy for item in ranked if item.relevancy is not None), default=1.0)
        if best < config.relevant:
            more.append(f"nothing looks like '{question.thing.look}': the best relevancy is {best:.2f}")
        shown = ranked[: config.top]
        ids = [row["instance_id"] for row in rows]
        return Answer(question, shown, [rows[item.position] for item in shown], ids, notes + more)

    @cached_property
    def places(self) -> Places:
        """Where the instances are: in the room where all share the world's axes, else in the pictures."""
        rows = self.stored.rows
        if rows and all(row["space"] == "world" for row in rows):
            scene = self.frames.column("scene")[0].as_py()
            columns = self.frames.column("camera_to_world").to_pylist()
            poses = [rigid_pose(pose, f"scene {scene}, frame {at}") for at, pose in enumerate(columns)]
            boxes = [box for row in rows if (box := self.stored.box(row)) is not None]
            points = [cloud.xyz for row in rows if (cloud := self.stored.points(row)) is not None]
            up = self.stored.facts["up"]
            views = [row["views"] for row in rows]
            return RoomPlaces(boxes, points, views, poses, None if up is None else np.array(up))
        own = self._masks_by_track
        boxes_2d = [
            picture_boxes([item for track in row["track_ids"] for item in own[track]]) for row in rows
        ]
        sizes = list(
            zip(*(self.frames.column(name).to_pylist() for name in ("height", "width")), strict=True)
        )
        return PicturePlaces(boxes_2d, sizes, [row["best_frame"] for row in rows])

    @cached_property
    def _masks_by_track(self) -> Mapping[int, list[dict[str, Any]]]:
        found: dict[int, list[dict[str, Any]]] = defaultdict(list)
        names = ["frame", "track_id", "mask_id", "bbox_xywh"]
        for row in self.masks.select(names).to_pylist():
            found[row["track_id"] or row["mask_id"]].append(row)
        return found


def _degrees(question: Question) -> bool:
    return bool(question.thing.degrees) or any(other.degrees for _, other in question.relations)


class _Look:
    """Relevancy of all instances to words, each text embedded once."""

    def __init__(self, vectors: np.ndarray | None, embedder: Embedder, config: QueryConfig) -> None:
        self._vectors, self._embedder, self._config = vectors, embedder, config
        self._found: dict[str, np.ndarray] = {}

    @property
    def known(self) -> bool:
        """Whether the instances have embeddings."""
        return self._vectors is not None

    def __call__(self, words: str) -> np.ndarray:
        if words not in self._found:
            assert self._vectors is not None
            text, *canonical = self._embedder.embed_texts([words, *self._config.canonical])
            self._found[words] = relevancy(self._vectors, text, np.stack(canonical))
        return self._found[words]
