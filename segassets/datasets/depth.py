"""Sensor depth of a frames table, in metres: depth pictures, or the one stream of a MultiScan recording."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa

from segassets.datasets.files import Root
from segassets.datasets.multiscan_meta import iter_depth_m, read_meta
from segassets.datasets.scene import split_uri
from segassets.errors import BadInput, SegassetsError
from segassets.media.pictures import read_labels

_STREAM = ".depth.zlib"


class DepthSource:
    """Depth by position in a frames table.

    Args:
        table: schema FRAMES, one scene.
        root: what its uris are relative to.
    """

    def __init__(self, table: pa.Table, root: str) -> None:
        self._root = Root(root, follow_links=True)  # links were judged when the scene was listed
        self._uris: list[str | None] = table.column("depth_uri").to_pylist()
        self._scales: list[float | None] = table.column("depth_scale_m").to_pylist()
        self.scene: str = table.column("scene")[0].as_py() if table.num_rows else ""

    @property
    def frames(self) -> list[int]:
        """Positions of the frames that have depth."""
        return [frame for frame, uri in enumerate(self._uris) if uri]

    def iterate(self, frames: Iterable[int] | None = None) -> Iterator[tuple[int, np.ndarray]]:
        """Yields (frame, metres float32 (h, w)) in order of time; 0 and not-a-number are invalid.

        The size is the sensor's, not the picture's.

        Args:
            frames: positions asked for; those without depth are passed over. All when not given.

        Raises:
            MissingInput, BadInput: a depth file is gone, damaged or no map of numbers; names scene and frame.
        """
        wanted = [
            frame
            for frame in sorted(range(len(self._uris)) if frames is None else frames)
            if self._uris[frame]
        ]
        places = {frame: split_uri(self._uris[frame] or "") for frame in wanted}
        streams = {path for path, index in places.values() if index is not None}
        if streams:
            yield from self._from_stream(wanted, places)
        elif wanted:
            yield from self._from_pictures(wanted)

    def _from_pictures(self, wanted: list[int]) -> Iterator[tuple[int, np.ndarray]]:
        with ThreadPoolExecutor(1, thread_name_prefix="depth") as pool:
            ahead = pool.submit(self._picture, wanted[0])
            for position, frame in enumerate(wanted):
                metres = ahead.result()
                if position + 1 < len(wanted):
                    ahead = pool.submit(self._picture, wanted[position + 1])
                yield frame, metres

    def _picture(self, frame: int) -> np.ndarray:
        try:
            stored = read_labels(self._root.location(self._uris[frame] or ""))
        except SegassetsError as error:
            raise type(error)(f"scene {self.scene}, frame {frame}: {error}") from error
        return stored.astype(np.float32) * np.float32(self._scale(frame))

    def _scale(self, frame: int) -> float:
        scale = self._scales[frame]
        if scale is None or not (np.isfinite(scale) and scale > 0):
            raise BadInput(
                f"scene {self.scene}, frame {frame}: expected depth_scale_m (metres per stored unit) > 0 beside "
                f"depth_uri, found {scale}"
            )
        return scale

    def _from_stream(
        self, wanted: list[int], places: dict[int, tuple[str, int | None]]
    ) -> Iterator[tuple[int, np.ndarray]]:
        names = {path for path, _ in places.values()}
        [name] = names if len(names) == 1 else [None]
        if name is None or not name.endswith(_STREAM):
            raise BadInput(
                f"scene {self.scene}: expected depth in one {_STREAM} stream, found {sorted(names)}"
            )
        folder, file_name = posixpath.split(name)
        meta = read_meta(self._root, folder, file_name.removesuffix(_STREAM), self.scene)
        assert meta.depth is not None  # read_meta found the file, or refused what it says
        frame_of = {index: frame for frame, (_, index) in places.items()}
        last = max(index for index in frame_of if index is not None)
        count = 0
        for index, metres in enumerate(iter_depth_m(self._root, meta.depth)):
            count += 1
            if index in frame_of:
                yield frame_of[index], metres
            if index == last:
                return
        raise BadInput(
            f"scene {self.scene}: expected depth of recorded frame {last} in {self._root.location(name)}, found "
            f"{count} frames; the recording's depth ends before its video: select fewer frames"
        )
