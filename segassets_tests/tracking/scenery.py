"""Footage and a small SAM 2 for tests of the tracker: frames in memory, a random network that sees objects."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa

from segassets.masks import rle
from segassets.masks.table import MaskRows

HEIGHT, WIDTH = 60, 80


class Frames:
    """A FrameSource over pictures in memory that counts how often each is decoded."""

    def __init__(self, pictures: list[np.ndarray]) -> None:
        self.pictures = pictures
        self.decoded: list[int] = []

    def __len__(self) -> int:
        return len(self.pictures)

    def source_frame(self, frame: int) -> int:
        return 10 * frame

    def size_hw(self, frame: int) -> tuple[int, int]:
        height, width = self.pictures[frame].shape[:2]
        return height, width

    def iterate(self, indices: Iterable[int] | None = None) -> Iterator[tuple[int, np.ndarray]]:
        for index in range(len(self)) if indices is None else indices:
            self.decoded.append(index)
            yield index, self.pictures[index]


def moving_square(frames: int, seed: int = 0) -> list[np.ndarray]:
    """A bright square that moves over noise, (60, 80, 3) uint8 each."""
    rng = np.random.default_rng(seed)
    ground = rng.integers(0, 120, (HEIGHT, WIDTH, 3), np.uint8)
    pictures = []
    for index in range(frames):
        picture = ground.copy()
        x = 5 + 2 * index % 50
        picture[15:35, x : x + 20] = (230, 60, 40)
        pictures.append(picture)
    return pictures


def square(x: int, y: int, side: int = 20) -> np.ndarray:
    """A square mask (60, 80)."""
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[y : y + side, x : x + side] = True
    return mask


def candidates(rows: list[tuple[int, np.ndarray, dict[str, Any]]]) -> pa.Table:
    """A mask table of (frame, mask, further columns)."""
    table = MaskRows("a.scene")
    for frame, mask, values in rows:
        table.add(
            frame=frame, source_frame=10 * frame, height=HEIGHT, width=WIDTH, rle_counts=rle.encode(mask),
            source="candidate", **values,
        )  # fmt: skip
    return table.to_table()


@lru_cache(maxsize=1)
def network() -> Any:
    """sam2's own video predictor, SAM2.1's layout in small at 128 px, random weights, objects held to be in view."""
    from pathlib import Path

    import torch
    from omegaconf import OmegaConf

    from segassets.models.sam2.instantiate import instantiate, prepare_sam2

    prepare_sam2()
    import sam2

    torch.manual_seed(0)
    path = Path(sam2.__file__).parent / "configs" / "sam2.1" / "sam2.1_hiera_t.yaml"
    config: Any = OmegaConf.to_container(OmegaConf.load(path))
    config = config["model"] | {"_target_": "sam2.sam2_video_predictor.SAM2VideoPredictor", "image_size": 128}
    config["image_encoder"]["trunk"] |= {"embed_dim": 16, "stages": [1, 1, 2, 1], "global_att_blocks": [3]}
    config["image_encoder"]["neck"]["backbone_channel_list"] = [128, 64, 32, 16]
    for name in ("self_attention", "cross_attention"):
        config["memory_attention"]["layer"][name]["feat_sizes"] = [8, 8]
    config["memory_attention"] |= {"num_layers": 2}
    built = instantiate(config).eval()
    with torch.no_grad():
        built.sam_mask_decoder.pred_obj_score_head.layers[-1].bias.fill_(5.0)
    return built


@lru_cache(maxsize=1)
def quick_network() -> Any:
    """The same network with the layers that the platform runs on processors."""
    from segassets.models.sam2.processor_layers import quicken

    return quicken(copy.deepcopy(network()))
