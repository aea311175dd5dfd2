"""Frames of a scene as a table, and as pictures: each decoded once a pass, the next one ahead of its use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from types import TracebackType

import numpy as np
import pyarrow as pa

from segassets.datasets.files import Root
from segassets.datasets.scene import Scene, split_uri
from segassets.errors import BadInput, SegassetsError
from segassets.masks.schemas import FRAMES
from segassets.media.pictures import read_picture
from segassets.media.video import VideoReader


def frames_table(scene: Scene) -> pa.Table:
    """The scene's frames as a table of schema FRAMES."""
    records = scene.frames
    columns: dict[str, list] = {
        "scene": [scene.key] * len(records),
        "frame": list(range(len(records))),
    }
    for name in FRAMES.names[2:]:
        columns[name] = [getattr(record, name) for record in records]
    return pa.table(columns, schema=FRAMES)


class FrameSource:
    """Pictures of a frames table, by position.

    Args:
        table: schema FRAMES, one scene.
        root: what the uris are relative to, a local path or an fsspec URL.
    """

    def __init__(self, table: pa.Table, root: str) -> None:
        self.table = table
        self._root = Root(root, follow_links=True)  # links were judged when the scene was listed
        self._uris: list[str] = table.column("uri").to_pylist()
        self._sizes = list(
            zip(table.column("height").to_pylist(), table.column("width").to_pylist(), strict=True)
        )
        self._source_frames: list[int] = table.column("source_frame").to_pylist()
        self.scene: str = table.column("scene")[0].as_py() if table.num_rows else ""
        self._video: VideoReader | None = None
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._uris)

    @property
    def root(self) -> str:
        """What the uris are relative to."""
        return self._root.url

    @property
    def height(self) -> int:
        """Height of every frame in pixels; see `size_hw` for image sets."""
        return self._common_size()[0]

    @property
    def width(self) -> int:
        """Width of every frame in pixels; see `size_hw` for image sets."""
        return self._common_size()[1]

    def size_hw(self, frame: int) -> tuple[int, int]:
        """(height, width) of one frame."""
        return self._sizes[frame]

    def source_frame(self, frame: int) -> int:
        """Index of one frame in the whole footage."""
        return self._source_frames[frame]

    @property
    def same_size(self) -> bool:
        """True when all frames have one size, as footage has."""
        return len(set(self._sizes)) <= 1

    def _common_size(self) -> tuple[int, int]:
        if not self._sizes:
            raise BadInput("expected at least one frame, found an empty frames table")
        for frame, size in enumerate(self._sizes):
            if size != self._sizes[0]:
                raise BadInput(
                    f"scene {self.scene}: frame {frame} ({self._uris[frame]}) is {size[0]} x {size[1]} "
                    f"(height x width), the scene began with {self._sizes[0][0]} x {self._sizes[0][1]}; only "
                    "footage of one size can be followed through time"
                )
        return self._sizes[0]

    def read(self, frame: int) -> np.ndarray:
        """RGB uint8 (H, W, 3) of one frame.

        Raises:
            BadInput: unreadable, or not of the size the table says; names scene, file and frame.
        """
        path, index = split_uri(self._uris[frame])
        try:
            rgb = read_picture(self._root.location(path)) if index is None else self._from_video(path, index)
        except SegassetsError as error:
            raise type(error)(f"scene {self.scene}, frame {frame}: {error}") from error
        if rgb.shape[:2] != self._sizes[frame]:
            raise BadInput(
                f"scene {self.scene}, frame {frame} ({self._uris[frame]}): expected "
                f"{self._sizes[frame][0]} x {self._sizes[frame][1]} (height x width), found {rgb.shape[0]} x "
                f"{rgb.shape[1]}; the footage changed since it was listed: materialize `frames` again"
            )
        return rgb

    def _from_video(self, path: str, index: int) -> np.ndarray:
        local = str(self._root.local(path))
        with self._lock:  # `read` may be called while `iterate` decodes ahead
            if self._video is None or self._video.path != local:
                self.close()
                self._video = VideoReader(local)
            return self._video.read(index)

    def iterate(
        self, indices: Iterable[int] | None = None, reverse: bool = False
    ) -> Iterator[tuple[int, np.ndarray]]:
        """Yields (frame, RGB) for the frames asked for, each decoded once, one decoded ahead in a thread.

        Args:
            indices: frames in the order they are wanted (ascending is fastest for video); all when not given.
            reverse: from the last to the first.
        """
        wanted = list(range(len(self)) if indices is None else indices)
        if reverse:
            wanted.reverse()
        if not wanted:
            return
        with ThreadPoolExecutor(1, thread_name_prefix="decode") as pool:
            ahead = pool.submit(self.read, wanted[0])
            for position, frame in enumerate(wanted):
                rgb = ahead.result()
                if position + 1 < len(wanted):
                    ahead = pool.submit(self.read, wanted[position + 1])
                yield frame, rgb

    def close(self) -> None:
        """Closes the video, if one is open; the source stays usable."""
        if self._video is not None:
            self._video.close()
            self._video = None

    def __enter__(self) -> FrameSource:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()
