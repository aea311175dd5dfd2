"""YTVIS and LV-VIS files as tubes, without pictures: ground truth, pseudo tubes, and lists of results.

Read strictly, unlike the layout `ytvis`, which leaves out and counts: what is evaluated or rewritten must be whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from segassets.datasets.files import Root
from segassets.datasets.json_files import no_collection, read_json, records, value
from segassets.datasets.segmentations import to_counts
from segassets.errors import BadInput, MissingInput
from segassets.masks.tubes import Tubes


@dataclass
class TubeFile:
    """A YTVIS document.

    Attributes:
        path: where it was read.
        document: all of it, as read.
        videos: by id, in the order of the file.
        annotations: of each video, in the order of the file.
        categories: id to name, as the file has them: any integers, with holes or from 0.
        partitions: LV-VIS's `partition` by category id; empty where the file has none.
    """

    path: Path
    document: dict[str, Any]
    videos: dict[Any, dict[str, Any]]
    annotations: dict[Any, list[dict[str, Any]]]
    categories: dict[int, str]
    partitions: dict[int, int]

    def size_of(self, video_id: Any) -> tuple[int, int]:
        """(height, width) of a video.

        Raises:
            BadInput: the file gives no size.
        """
        video = self.videos[video_id]
        size = video.get("height"), video.get("width")
        if not all(type(side) is int and side > 0 for side in size):
            raise BadInput(
                f"{self.path}: video {video_id}: expected height and width in pixels, found {size[0]} x {size[1]}"
            )
        return size  # type: ignore[return-value]

    def tubes(self, video_id: Any) -> Tubes:
        """The annotated tubes of a video.

        Raises:
            BadInput: a mask cannot be used, e.g. it says another size than the video; names annotation and frame.
        """
        return self._made(video_id, self.annotations[video_id], str(self.path))

    def results(self, path: Path) -> Iterator[tuple[Any, Tubes, Tubes]]:
        """(video id, true tubes, predicted tubes) of every video of this file, those without results too.

        Args:
            path: a list of {video_id, category_id, score, segmentations}; it may be empty.

        Raises:
            MissingInput, BadInput: no such file, not such a list, or a video that is not in this file.
        """
        found: dict[Any, list[dict[str, Any]]] = {key: [] for key in self.videos}
        for number, item in enumerate(_read_list(path)):
            where = f"{path}: result {number}"
            if not isinstance(item, dict):
                raise BadInput(f"{where}: expected an object, found {type(item).__name__}")
            video_id = value(item, "video_id", where)
            if video_id not in found:
                raise BadInput(f"{where}: expected a video of {self.path}, found video_id {video_id!r}")
            value(item, "category_id", where)
            value(item, "score", where)
            found[video_id].append({"id": number, **item})
        for video_id, items in found.items():
            yield video_id, self.tubes(video_id), self._made(video_id, items, str(path))

    def _made(self, video_id: Any, items: list[dict[str, Any]], location: str) -> Tubes:
        height, width = self.size_of(video_id)
        length = len(self.videos[video_id]["file_names"])
        entries: list[tuple[int, int, Any]] = []
        for at, item in enumerate(items):
            segmentations = item.get("segmentations") or []
            if len(segmentations) != length:
                raise BadInput(
                    f"{location}: annotation {item['id']}: expected {length} segmentations, one a frame of video "
                    f"{video_id} (null where absent), found {len(segmentations)}"
                )
            areas = item.get("areas") or [None] * length
            entries += [(at, t, entry) for t, entry in enumerate(segmentations) if entry and areas[t] != 0]
        where = [f"annotation {items[at]['id']} in frame {t}" for at, t, _ in entries]
        counts, excluded = to_counts([entry for _, _, entry in entries], where, height, width)
        if excluded:
            raise BadInput(
                f"{location}: video {video_id}: {excluded[0].where} ({excluded[0].reason}); {len(excluded)} masks of "
                "it cannot be used; correct or remove them"
            )
        masks: list[dict[int, str]] = [{} for _ in items]
        for (at, t, _), text in zip(entries, counts, strict=True):
            masks[at][t] = text or ""
        return Tubes(
            height,
            width,
            masks,
            np.array([item["id"] for item in items], np.int64),
            np.array([item.get("category_id", -1) for item in items], np.int64),
            np.array([float(item.get("score", 1.0)) for item in items]),
            np.array([bool(item.get("iscrowd", 0)) for item in items], bool),
        )


def read_results(truth: TubeFile, path: Path) -> Iterator[tuple[Tubes, Tubes]]:
    """(true tubes, predicted tubes) of every video of `truth`, in its order.

    Args:
        path: a list of results, or a file of tubes whose videos have the same ids or, where not, the same names.

    Raises:
        MissingInput, BadInput: no such file, unsound, or of other videos.
    """
    path = Path(path).expanduser()
    if not _is_document(path):
        yield from ((true, found) for _, true, found in truth.results(path))
        return
    file = read_tube_file(path)
    own = {video.get("name", identity): identity for identity, video in file.videos.items()}
    for identity, video in truth.videos.items():
        found = own.get(video.get("name", identity), identity if identity in file.videos else None)
        true = truth.tubes(identity)
        yield true, Tubes(true.height, true.width, []) if found is None else file.tubes(found)


def _is_document(path: Path) -> bool:
    """Whether a file holds an object, by its first character; a list of results does not."""
    try:
        with path.open("rb") as stream:
            return stream.read(64).lstrip()[:1] == b"{"
    except FileNotFoundError:
        raise MissingInput(f"no results at {path}") from None


def read_tube_file(path: Path) -> TubeFile:
    """A YTVIS or LV-VIS file of annotations.

    Raises:
        MissingInput: there is no such file.
        BadInput: not such a document, an id that occurs twice, an annotation of a video or category that is not there.
    """
    path = Path(path).expanduser().absolute()
    document = read_json(Root(path.parent), path.name)
    where = str(path)
    videos = _by_id(records(document, "videos", where), f"{where}: videos")
    for identity, video in videos.items():
        if not isinstance(video.get("file_names"), list):
            raise BadInput(f"{where}: video {identity}: expected a list under 'file_names'")
    categories = _by_id(records(document, "categories", where), f"{where}: categories")
    annotations: dict[Any, list[dict[str, Any]]] = {identity: [] for identity in videos}
    for identity, item in _by_id(document.get("annotations") or [], f"{where}: annotations").items():
        for key, known in (("video_id", annotations), ("category_id", categories)):
            if item.get(key) not in known:
                raise BadInput(
                    f"{where}: annotation {identity}: expected a known {key}, found {item.get(key)!r}"
                )
        annotations[item["video_id"]].append(item)
    return TubeFile(
        path,
        document,
        videos,
        annotations,
        {int(key): str(item.get("name", key)) for key, item in categories.items()},
        {int(key): int(item["partition"]) for key, item in categories.items() if "partition" in item},
    )


def _by_id(items: list[dict[str, Any]], what: str) -> dict[Any, dict[str, Any]]:
    found: dict[Any, dict[str, Any]] = {}
    for number, item in enumerate(items):
        identity = value(item, "id", f"{what}[{number}]")
        if identity in found:
            raise BadInput(f"{what}: expected every id once, found id {identity} twice")
        found[identity] = item
    return found


def _read_list(path: Path) -> list[Any]:
    try:
        with no_collection():
            found = orjson.loads(Path(path).read_bytes())
    except FileNotFoundError:
        raise MissingInput(f"no results at {path}") from None
    except orjson.JSONDecodeError as error:
        raise BadInput(f"{path}: expected JSON, found an error: {error}; is the file complete?") from None
    if not isinstance(found, list):
        raise BadInput(f"{path}: expected a list of results, found {type(found).__name__}")
    return found
