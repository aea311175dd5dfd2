"""How the nano depth network learns: crops of views with their depth, held to the logarithm of depth and its edges."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from segassets.learning.room_clips import recolour
from segassets.learning.room_views import MM, RoomViews, ViewPool
from segassets.learning.timed_loop import TimedLoop
from segassets.learning.views_config import ViewsConfig
from segassets.models.depth.nano import NanoDepth, log_focal, ray_map
from segassets.models.pictures import standardise

CHECK_ROOMS = 20
EDGE_SCALES = (1, 2, 4)


@dataclass
class DepthBatch:
    """`picture` (N, 3, S, S) normalised, `depth_m` (N, 1, S, S), `focal_px` (N,) and `centre_px` (N, 2) of the
    network's input."""

    picture: torch.Tensor
    depth_m: torch.Tensor
    focal_px: torch.Tensor
    centre_px: torch.Tensor


@dataclass
class DepthLoop(TimedLoop):
    """See TimedLoop; `size_px` is the model's own picture size."""

    size_px: int = 256

    @property
    def picture_px(self) -> int:
        """Side of the pictures at this time."""
        config = self._config
        return min(config.small_size_px, self.size_px) if self.progress < config.small_share else self.size_px

    @property
    def _config(self) -> ViewsConfig:
        assert isinstance(self.config, ViewsConfig)
        return self.config

    def loss(self, rng: np.random.Generator) -> torch.Tensor:
        """Of a batch of crops."""
        assert isinstance(self.pool, ViewPool) and isinstance(self.network, NanoDepth)
        rooms = self.pool.rooms
        batch = stack(
            [
                draw_crop(rooms[rng.integers(len(rooms))], rng, self.picture_px)
                for _ in range(self._config.batch)
            ]
        )
        ratio = predict(self.network, batch, self._config.bf16)
        truth = torch.log(batch.depth_m) - log_focal(batch.focal_px)[:, None, None, None]
        error, edges = depth_loss(ratio, truth)
        self.window["train/loss"].append(float((error + edges).detach()))
        self.window["train/log_error"].append(float(error.detach()))
        return error + edges

    def judge(self, whole: bool = False) -> dict[str, float]:
        """abs_rel on rooms it does not learn from, as it is and with each picture's scale fitted."""
        assert isinstance(self.check, ViewPool) and isinstance(self.network, NanoDepth)
        self.network.eval()
        found = [
            _abs_rel(self.network, whole_view(room, view, self.picture_px))
            for room in self.check.rooms[: None if whole else CHECK_ROOMS]
            for view in range(len(room.rgb))
        ]
        self.network.train()
        plain, scaled = np.mean(found, axis=0)
        return {"check/abs_rel": float(plain), "check/abs_rel_scaled": float(scaled)}


def predict(network: NanoDepth, batch: DepthBatch, bf16: bool) -> torch.Tensor:
    """Logarithm of depth over focal length, (N, 1, S, S)."""
    height, width = batch.picture.shape[-2:]
    rays = ray_map(height, width, batch.focal_px, batch.centre_px)
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        return network(batch.picture, rays)


def depth_loss(ratio: torch.Tensor, truth: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean error of the logarithm, and that of its steps to neighbours at three scales (Li & Snavely 2018)."""
    difference = ratio - truth
    edges = ratio.new_zeros(())
    for scale in EDGE_SCALES:
        coarse = difference[..., ::scale, ::scale]
        edges = edges + (coarse[..., 1:] - coarse[..., :-1]).abs().mean()
        edges = edges + (coarse[..., 1:, :] - coarse[..., :-1, :]).abs().mean()
    return difference.abs().mean(), 0.5 * edges / len(EDGE_SCALES)


def draw_crop(room: RoomViews, rng: np.random.Generator, size_px: int) -> DepthBatch:
    """A random view of a room, often cut smaller, recoloured, mirrored."""
    view = int(rng.integers(len(room.rgb)))
    height, width = room.rgb.shape[1:3]
    side = min(height, width)
    if rng.random() < 0.5:
        side = int(side * rng.uniform(0.6, 1.0))
    top, left = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
    batch = _cut(room, view, top, left, side, size_px)
    picture = recolour(batch.picture, rng)
    if rng.random() < 0.5:
        picture, batch.depth_m = picture.flip(-1), batch.depth_m.flip(-1)
        batch.centre_px[:, 0] = size_px - batch.centre_px[:, 0]
    batch.picture = standardise(picture)
    return batch


def whole_view(room: RoomViews, view: int, size_px: int) -> DepthBatch:
    """A view as it is."""
    batch = _cut(room, view, 0, 0, min(room.rgb.shape[1:3]), size_px)
    batch.picture = standardise(batch.picture)
    return batch


def _cut(room: RoomViews, view: int, top: int, left: int, side: int, size_px: int) -> DepthBatch:
    """A square of a view at the network's size, its colours from 0 to 1."""
    window = (slice(top, top + side), slice(left, left + side))
    picture = torch.from_numpy(room.rgb[view][window]).permute(2, 0, 1)[None].float() / 255
    depth = torch.from_numpy(room.depth_mm[view][window].astype(np.float32) / MM)[None, None]
    if side != size_px:
        size = (size_px, size_px)
        picture = F.interpolate(picture, size, mode="bilinear", antialias=True, align_corners=False)
        depth = F.interpolate(depth, size, mode="nearest-exact")
    scale = size_px / side
    height, width = room.rgb.shape[1:3]
    centre = torch.tensor([[(width / 2 - left) * scale, (height / 2 - top) * scale]])
    return DepthBatch(picture, depth, torch.tensor([room.focal_px * scale]), centre)


def stack(parts: list[DepthBatch]) -> DepthBatch:
    """Batches joined to one."""
    names = ("picture", "depth_m", "focal_px", "centre_px")
    return DepthBatch(*(torch.cat([getattr(part, name) for part in parts]) for name in names))


@torch.no_grad()
def _abs_rel(network: NanoDepth, batch: DepthBatch) -> tuple[float, float]:
    ratio = predict(network, batch, bf16=False)
    depth = torch.exp(ratio + log_focal(batch.focal_px)[:, None, None, None])
    scaled = depth * torch.median(batch.depth_m / depth)
    plain, fitted = (((found - batch.depth_m).abs() / batch.depth_m).mean() for found in (depth, scaled))
    return float(plain), float(fitted)
