"""Videos by index: exact counts, the right frame from anywhere, damage named by frame."""

from __future__ import annotations

import av
import numpy as np
import pytest

from segassets.errors import BadInput, MissingInput
from segassets.media.video import VideoReader, VideoWriter, is_video, iter_video, probe_video

FRAMES, HEIGHT, WIDTH = 30, 48, 64


def picture(index: int) -> np.ndarray:
    """A frame that tells its index by its brightness."""
    rgb = np.full((HEIGHT, WIDTH, 3), 20 + 7 * index, np.uint8)
    rgb[:, : WIDTH // 2, 2] = 90
    return rgb


def index_of(rgb: np.ndarray) -> int:
    return round((float(rgb[:, WIDTH // 2 + 4 :].mean()) - 20) / 7)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("video") / "clip.mp4"
    with VideoWriter(path, fps=25, gop=8) as writer:
        for index in range(FRAMES):
            writer.write(picture(index))
    return path


def test_probe(clip):
    info = probe_video(clip)
    assert (info.frames, info.height, info.width, info.fps) == (FRAMES, HEIGHT, WIDTH, 25)
    np.testing.assert_allclose(info.timestamps_s, np.arange(FRAMES) / 25, atol=1e-6)
    assert info.keyframes[:2] == [0, 8]


@pytest.mark.parametrize(
    "indices",
    [None, [0], [FRAMES - 1], range(3, 30, 9), range(9, 12), [5, 5, 6], []],
    ids=["all", "first", "last", "strided", "a stretch", "one twice", "none"],
)
def test_frames_by_index(clip, indices):
    wanted = list(range(FRAMES)) if indices is None else list(indices)
    read = [(index, index_of(rgb)) for index, rgb in iter_video(clip, indices)]
    assert read == [(index, index) for index in wanted]


def test_any_order(clip):
    order = np.random.default_rng(0).permutation(FRAMES)
    with VideoReader(clip) as reader:
        assert [index_of(reader.read(int(index))) for index in order] == order.tolist()


def test_ascending_frames_are_decoded_once(clip, monkeypatch):
    with VideoReader(clip) as reader:
        decoded = []
        inner = reader._decoded
        monkeypatch.setattr(
            reader, "_decoded", lambda wanted: (decoded.append(1) or item for item in inner(wanted))
        )
        for index in range(FRAMES):
            reader.read(index)
    assert len(decoded) == FRAMES


def test_a_frame_outside_is_refused(clip):
    with pytest.raises(BadInput, match=r"0\.\.29, found 30"):
        list(iter_video(clip, [30]))


@pytest.mark.parametrize("codec", ["mpeg4", "libvpx", "libvpx-vp9", "mjpeg"])
def test_other_codecs_count_exactly(tmp_path, codec):
    path = tmp_path / ("x.webm" if "vpx" in codec else "x.avi" if codec == "mjpeg" else "x.mp4")
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=10)
        stream.height, stream.width, stream.bit_rate = HEIGHT, WIDTH, 4_000_000
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        if codec == "libvpx":
            stream.options = {"auto-alt-ref": "1", "lag-in-frames": "10"}  # makes packets that show nothing
        for index in range(20):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(index), format="rgb24")))
        container.mux(stream.encode(None))
    assert is_video(path.name)
    assert [index_of(rgb) for _, rgb in iter_video(path)] == list(range(probe_video(path).frames))
    assert probe_video(path).frames == 20


def with_header_first(clip, path):
    """The same packets with the index in front, as a download that broke off would have it."""
    with av.open(str(clip)) as source, av.open(str(path), "w", options={"movflags": "faststart"}) as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    return path.read_bytes()


def test_truncated_video_names_the_first_missing_frame(clip, tmp_path):
    data = with_header_first(clip, tmp_path / "whole.mp4")
    (tmp_path / "half.mp4").write_bytes(data[: len(data) * 3 // 4])
    with pytest.raises(BadInput, match=r"truncated: expected 30 frames, found \d+ \(frame \d+ is the first"):
        probe_video(tmp_path / "half.mp4")


def test_video_without_its_end_is_refused(clip, tmp_path):
    data = clip.read_bytes()
    (tmp_path / "half.mp4").write_bytes(data[: len(data) // 2])  # the index lies at the end
    with pytest.raises(BadInput, match=r"half\.mp4"):
        probe_video(tmp_path / "half.mp4")


def test_damage_inside_names_the_frame(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (10, 96, 128, 3)).astype(np.uint8)
    with VideoWriter(tmp_path / "n.mp4", gop=10) as writer:
        for rgb in noise:
            writer.write(rgb)
    data = bytearray((tmp_path / "n.mp4").read_bytes())
    at = data.find(b"mdat") + (len(data) - data.find(b"mdat")) // 2
    data[at : at + 200] = bytes(200)
    (tmp_path / "n.mp4").write_bytes(data)
    with pytest.raises(BadInput, match=r"n\.mp4: frame \d+"):
        list(iter_video(tmp_path / "n.mp4"))


@pytest.mark.parametrize("data", [b"", b"no video at all"])
def test_not_a_video(tmp_path, data):
    (tmp_path / "x.mp4").write_bytes(data)
    with pytest.raises(BadInput, match=r"x\.mp4"):
        probe_video(tmp_path / "x.mp4")


def test_missing_video(tmp_path):
    with pytest.raises(MissingInput, match=r"gone\.mp4"):
        probe_video(tmp_path / "gone.mp4")


def test_a_failed_writer_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError), VideoWriter(tmp_path / "x.mp4") as writer:
        writer.write(picture(0))
        raise RuntimeError
    assert not list(tmp_path.iterdir())
