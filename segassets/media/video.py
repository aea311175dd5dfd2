"""Video in and out with PyAV: what a file holds, frames by index in one decoding pass, a writer.

A frame's index counts displayed frames in order of time. Rotation metadata is not applied (as EXIF is not for
pictures): intrinsics and annotations are given for the stored pixels.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from pathlib import Path, PurePosixPath
from types import TracebackType

import av
import numpy as np
from av.error import FFmpegError

from segassets.errors import BadInput, MissingInput

VIDEO_SUFFIXES = {".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".ts", ".wmv", ".flv"}
_HIDDEN_FRAME_CODECS = {"vp8"}  # packets that show nothing: only decoding tells how many frames there are


def is_video(name: str) -> bool:
    """True for a name with a video's suffix that is not hidden."""
    path = PurePosixPath(name)
    return not path.name.startswith(".") and path.suffix.lower() in VIDEO_SUFFIXES


@dataclass(frozen=True)
class VideoInfo:
    """What a video file holds.

    Attributes:
        frames: displayed frames, counted in the stream rather than taken from the header.
        timestamps_s: float64 (frames,), seconds since the first frame.
        pts: presentation times in the stream's own unit, ascending.
        keyframes: indices where decoding may start.
    """

    frames: int
    height: int
    width: int
    fps: float
    timestamps_s: np.ndarray
    pts: list[int] = field(repr=False)
    keyframes: list[int] = field(repr=False)


def probe_video(path: str | Path) -> VideoInfo:
    """Size, rate and the exact number of frames, without decoding.

    Raises:
        MissingInput: there is no such file.
        BadInput: not a video, without frames, or truncated (fewer frames than its header promises).
    """
    path = Path(path)
    if not path.is_file():
        raise MissingInput(f"expected a video at {path}, found nothing")
    facts = path.stat()
    return _probe(str(path), facts.st_size, facts.st_mtime_ns)


@lru_cache(maxsize=64)
def _probe(path: str, size: int, mtime_ns: int) -> VideoInfo:
    with _opened(path) as container:
        stream = container.streams.video[0]
        shown = _shown_by_decoding if stream.codec_context.name in _HIDDEN_FRAME_CODECS else _shown_by_packets
        found = sorted(shown(container, path))
        promised, rate, base = stream.frames, stream.average_rate, stream.time_base or Fraction(1)
        height, width = stream.codec_context.height, stream.codec_context.width
    if not found or not height:
        raise BadInput(f"{path}: expected a video, found no frames in it")
    if promised and len(found) < promised:
        raise _truncated(path, len(found), promised)
    times = np.array([float(pts * base) for pts, _ in found])
    keyframes = [index for index, (_, is_key) in enumerate(found) if is_key]
    fps = float(rate) if rate else 0.0
    pts = [time for time, _ in found]
    return VideoInfo(len(found), height, width, fps, times - times[0], pts, keyframes or [0])


Shown = Iterator[tuple[int, bool]]  # (presentation time, decoding may start here) of each displayed frame


def _shown_by_packets(container: av.container.InputContainer, path: str) -> Shown:
    try:
        for packet in container.demux(video=0):
            if packet.size and not packet.is_discard and not packet.is_corrupt:
                pts = packet.pts if packet.pts is not None else packet.dts
                if pts is not None:
                    yield pts, packet.is_keyframe
    except FFmpegError as error:
        raise BadInput(f"{path}: the video cannot be read to its end: {error}") from error


def _shown_by_decoding(container: av.container.InputContainer, path: str) -> Shown:
    try:
        for frame in container.decode(video=0):
            if frame.pts is not None:
                yield frame.pts, frame.key_frame
    except FFmpegError as error:
        raise BadInput(f"{path}: the video cannot be decoded to its end: {error}") from error


class VideoReader:
    """Frames of one video by index: ascending, each is decoded once; a step back seeks to a key frame.

    Args:
        path: local video file.
        threads: decoding threads of the codec; 0 lets FFmpeg choose.
    """

    def __init__(self, path: str | Path, threads: int = 0) -> None:
        self.path = str(path)
        self.info = probe_video(path)
        self._container = _opened(self.path)
        self._stream = self._container.streams.video[0]
        self._stream.thread_type = "AUTO"
        self._stream.codec_context.thread_count = threads
        self._index = {pts: index for index, pts in enumerate(self.info.pts)}
        self._frames: Iterator[av.VideoFrame] = self._container.decode(self._stream)
        self._next = 0

    def read(self, index: int) -> np.ndarray:
        """Frame `index` as RGB uint8 (H, W, 3).

        Raises:
            BadInput: the index is outside the video, or the frame cannot be decoded; names the frame.
        """
        if not 0 <= index < self.info.frames:
            raise BadInput(f"{self.path}: expected a frame of 0..{self.info.frames - 1}, found {index}")
        self._approach(index)
        for position, frame in self._decoded(index):
            if position == index:
                return self._rgb(frame, index)
            if position > index:
                break
        raise BadInput(f"{self.path}: frame {index} cannot be decoded; the video is damaged there")

    def _approach(self, index: int) -> None:
        """Seeks when decoding on from here would be longer than from the key frame before `index`."""
        keyframe = self.info.keyframes[max(bisect.bisect_right(self.info.keyframes, index) - 1, 0)]
        if self._next <= index and keyframe <= self._next:
            return
        start = keyframe if keyframe <= index else 0
        self._container.seek(self.info.pts[start], stream=self._stream, backward=True)
        self._frames = self._container.decode(self._stream)
        self._next = start

    def _decoded(self, wanted: int) -> Iterator[tuple[int, av.VideoFrame]]:
        try:
            for frame in self._frames:
                position = self._next if frame.pts is None else self._index.get(frame.pts, self._next)
                self._next = position + 1
                yield position, frame
        except FFmpegError as error:
            raise BadInput(f"{self.path}: frame {wanted} cannot be decoded: {error}") from error

    def _rgb(self, frame: av.VideoFrame, index: int) -> np.ndarray:
        if frame.is_corrupt:
            raise BadInput(f"{self.path}: frame {index} is damaged; replace the file")
        rgb = frame.to_ndarray(format="rgb24")
        expected = (self.info.height, self.info.width)
        if rgb.shape[:2] != expected:
            raise BadInput(
                f"{self.path}: frame {index} is {rgb.shape[0]} x {rgb.shape[1]} (height x width), the video "
                f"began with {expected[0]} x {expected[1]}; split it where the size changes"
            )
        return rgb

    def close(self) -> None:
        self._container.close()

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def iter_video(path: str | Path, indices: Iterable[int] | None = None) -> Iterator[tuple[int, np.ndarray]]:
    """Yields (index, RGB uint8 (H, W, 3)) for ascending indices (all frames by default), one decoding pass.

    Raises:
        BadInput: an index is outside the video or a frame cannot be decoded; names the frame.
    """
    with VideoReader(path) as reader:
        for index in range(reader.info.frames) if indices is None else indices:
            yield index, reader.read(index)


class VideoWriter:
    """Writes RGB frames to an .mp4 that appears whole when the writer closes.

    Args:
        path: target file.
        fps: frames a second.
        crf: quality of the H.264 encoding, 0 (lossless) to 51.
        gop: frames between key frames.
    """

    def __init__(self, path: str | Path, fps: float = 30.0, *, crf: int = 18, gop: int = 12) -> None:
        self.path = Path(path)
        self.fps = Fraction(fps).limit_denominator(100_000)
        self.options = {"crf": str(crf), "g": str(gop)}
        self._part = self.path.with_name(f".{self.path.stem}.part{self.path.suffix}")
        self._container: av.container.OutputContainer | None = None
        self._stream: av.VideoStream | None = None

    def write(self, rgb: np.ndarray) -> None:
        """Appends one frame (H, W, 3) uint8; height and width must be even."""
        if self._container is None or self._stream is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._container = av.open(str(self._part), "w")
            self._stream = self._container.add_stream("libx264", rate=self.fps, options=self.options)
            self._stream.height, self._stream.width = rgb.shape[:2]
            self._stream.pix_fmt = "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
        self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        if self._container is not None and self._stream is not None:
            self._container.mux(self._stream.encode(None))
            self._container.close()
            self._container = None
            self._part.replace(self.path)

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        elif self._container is not None:
            self._container.close()
            self._part.unlink(missing_ok=True)


def _opened(path: str) -> av.container.InputContainer:
    try:
        container = av.open(path)
    except FFmpegError as error:
        raise BadInput(f"cannot read the video {path}: {error}; truncated, or not a video?") from error
    if not container.streams.video:
        container.close()
        raise BadInput(f"{path}: expected a video, found a file without a video stream")
    return container


def _truncated(path: str, found: int, promised: int) -> BadInput:
    return BadInput(
        f"{path}: the video is truncated: expected {promised} frames, found {found} (frame {found} is the "
        "first missing); replace the file"
    )
