"""Videos in windows: what must be as if seen whole, what links, what a frame may be."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from segassets.errors import BadInput
from segassets.masks import rle
from segassets.models.seqformer.config import WindowConfig
from segassets.models.seqformer.network import SeqFormer
from segassets.models.seqformer.video import MEAN, STD, VideoSegmenter, link, seen_size
from segassets.models.seqformer.windows import WindowTubes, segment_window, without_doubles
from segassets_tests.models.seqformer.tiny import tiny_config, tiny_network


def video(frames: int, size: tuple[int, int] = (40, 64), seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (frames, *size, 3), np.uint8)


def segmenter(network: SeqFormer | None = None, **windows: object) -> VideoSegmenter:
    config = WindowConfig(**{"top": 3, "score": 0.0, "frames": 4, "stride": 2, "max_overlap": 1.0, **windows})  # type: ignore[arg-type]
    return VideoSegmenter(network or tiny_network(), 40, config)


@pytest.mark.parametrize("frames", [1, 2, 4])
def test_a_video_no_longer_than_a_window_is_seen_whole(frames: int) -> None:
    rgb = video(frames)
    found = segmenter().segment(rgb)
    pictures = torch.from_numpy(rgb).permute(0, 3, 1, 2).float() / 255
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (MEAN, STD))
    whole = segment_window(tiny_network(), (pictures - mean) / std, 3)
    assert len(found) <= 3  # a tube without a pixel is none
    masks = (whole.mask_logits() > 0).numpy()
    expected = [
        {t: rle.encode(mask) for t, mask in enumerate(tube) if mask.any()} for tube in masks if tube.any()
    ]
    assert list(found.masks) == expected
    scores = whole.scores.amax(1).numpy()[masks.any((1, 2, 3))]
    assert np.allclose(found.scores, scores, atol=1e-5)


@pytest.mark.parametrize("frames", [5, 7, 12])
def test_every_frame_of_a_long_video_is_covered(frames: int) -> None:
    found = segmenter(link_iou=1e-6).segment(iter(video(frames)))
    covered = set().union(*(tube.keys() for tube in found.masks))
    assert covered <= set(range(frames))
    assert (found.height, found.width) == (40, 64)
    assert (np.diff(found.scores) <= 0).all()


def test_a_still_video_has_the_tubes_of_its_frame() -> None:
    """Windows of equal frames say the same, so that they link over the whole length."""
    frame = video(1)
    short = segmenter().segment(np.repeat(frame, 4, 0))
    long = segmenter().segment(np.repeat(frame, 11, 0))
    assert len(long) == len(short)
    for brief, whole in zip(short.masks, long.masks, strict=True):
        assert sorted(whole) == list(range(11)) and set(whole.values()) == set(brief.values())
    assert np.allclose(short.scores, long.scores, atol=1e-4)


def test_two_labels_make_two_tubes_of_the_same_masks() -> None:
    one, two = segmenter().segment(video(2)), segmenter(labels=2).segment(video(2))
    assert len(two) == 2 * len(one)
    assert set(two.categories.tolist()) <= {1, 2, 3}


def test_tubes_have_the_ids_of_their_categories() -> None:
    places = segmenter().segment(video(2)).categories  # 1, 2, 3 where no ids are named
    named = segmenter(tiny_network(category_ids=(40, 7, 0))).segment(video(2)).categories
    assert [{1: 40, 2: 7, 3: 0}[place] for place in places.tolist()] == named.tolist()
    assert set(segmenter(tiny_network(classes=1)).segment(video(2)).categories.tolist()) == {-1}  # any object
    with pytest.raises(ValidationError, match="an id for each of 3 classes, found 2"):
        tiny_config(category_ids=(1, 2))


def test_linking_pairs_the_greatest_overlaps_and_begins_new_tubes() -> None:
    def blob(low: int, high: int) -> torch.Tensor:
        mask = torch.full((1, 2, 8, 8), -4.0)
        mask[..., low:high] = 4.0
        return mask

    tubes: list = []
    first = WindowTubes(torch.tensor([[0.8], [0.6]]), torch.cat([blob(0, 3), blob(4, 8)]), (32, 32))
    link(tubes, first, 0, 0, 0.3)
    second = WindowTubes(torch.tensor([[0.4], [0.2]]), torch.cat([blob(4, 7), blob(3, 4)]), (32, 32))
    link(tubes, second, 1, 2, 0.3)
    assert [sorted(tube.open) for tube in tubes] == [[0, 1], [0, 1, 2], [1, 2]]
    assert [round(float(tube.scores[0]), 3) for tube in tubes] == [0.8, 0.5, 0.2]


def test_of_doubles_the_better_stays() -> None:
    logits = torch.full((4, 2, 8, 8), -1.0)
    logits[0, :, :4], logits[1, :, :4], logits[2, :, 2:6] = 1, 1, 1  # the last one has no pixel
    found = WindowTubes(torch.tensor([[0.9], [0.8], [0.7], [0.6]]), logits, (32, 32))
    for limit, expected in ((0.7, [0.9, 0.7, 0.6]), (0.3, [0.9, 0.6]), (1.0, [0.9, 0.8, 0.7, 0.6])):
        kept = without_doubles(found, limit)
        assert kept.scores[:, 0].tolist() == pytest.approx(expected)
    assert (
        len(without_doubles(WindowTubes(torch.zeros(0, 1), torch.zeros(0, 2, 8, 8), (32, 32)), 0.5).scores)
        == 0
    )


@pytest.mark.parametrize(
    ("size", "picture", "expected"),
    [
        ((480, 640), "short_side", (240, 320)),
        ((100, 50), "short_side", (480, 240)),
        ((480, 640), "square", (240, 240)),
    ],
)
def test_size_the_network_sees(size: tuple[int, int], picture: str, expected: tuple[int, int]) -> None:
    assert seen_size(size, 240, picture) == expected


def test_refused_videos() -> None:
    with pytest.raises(BadInput, match="at least one frame"):
        segmenter().segment([])
    with pytest.raises(
        BadInput, match=r"frame 1: expected the size of the first, \(40, 64\), found \(40, 60\)"
    ):
        segmenter().segment([video(1)[0], video(1, (40, 60))[0]])
    with pytest.raises(ValueError, match="stride"):
        WindowConfig(frames=4, stride=4)
