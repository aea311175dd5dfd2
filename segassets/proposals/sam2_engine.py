"""Candidates by a promptable image network: a grid of points, then denser points inside what was found.

The picture is encoded once; all points of a pass are decoded together, whatever parent they lie in. Masks
that answer the grid and are part of no other mask are wholes; masks inside a whole are parts, masks inside a
part sub-parts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from segassets.masks import rle
from segassets.proposals.config import CandidateConfig
from segassets.proposals.decode import Masks, full_size, prompt_points
from segassets.proposals.frame import FrameCandidates
from segassets.proposals.levels import Nesting, depth_of
from segassets.proposals.nms import keep_distinct
from segassets.proposals.refine import choose_children, choose_wholes, clamp, points_inside_parents
from segassets.proposals.regions import grid_points

if TYPE_CHECKING:
    from segassets.models.protocols import ImageSegmenter


class Sam2CandidateEngine:
    """Automatic mask generation at several levels.

    Args:
        segmenter: the network; encodes a picture, answers points with several masks and their predicted IoU.
    """

    def __init__(self, segmenter: ImageSegmenter, config: CandidateConfig) -> None:
        self.segmenter = segmenter
        self.config = config

    def propose(
        self, frames: Iterable[tuple[int, np.ndarray]], work_dir: Path | None = None
    ) -> Iterator[tuple[int, FrameCandidates]]:
        """Candidates of each frame, in the order of the frames."""
        for index, rgb in frames:
            yield index, self.propose_on(rgb)

    def propose_on(self, rgb: np.ndarray) -> FrameCandidates:
        """Candidates of one picture (H, W, 3) uint8."""
        return _Picture(self.segmenter, self.config, rgb).candidates()


@dataclass
class _Tree:
    """Masks found a place: per mask its depth (0 = whole) and the position of its parent, -1 = none."""

    masks: Masks
    depth: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    parent: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))

    def add(self, masks: Masks, depth: int, parent: np.ndarray) -> None:
        self.masks = self.masks.followed_by(masks)
        self.depth = np.concatenate([self.depth, np.full(len(parent), depth)])
        self.parent = np.concatenate([self.parent, parent])


class _Picture:
    """One picture on its way through the levels."""

    def __init__(self, segmenter: ImageSegmenter, config: CandidateConfig, rgb: np.ndarray) -> None:
        self.segmenter, self.config = segmenter, config
        self.height, self.width = rgb.shape[:2]
        self.encoded = segmenter.encode(rgb)
        self.prompted_xy = np.zeros((0, 2), np.float32)
        self.nesting = Nesting(config.containment, config.max_child_share)

    def candidates(self) -> FrameCandidates:
        """Everything the configured levels ask for."""
        loose = self._ask(grid_points(self.height, self.width, self.config.points_per_side))
        chosen = choose_wholes(
            loose.rle_counts, self.height, self.width, self.nesting, loose.last_output_share
        )
        tree = _Tree(Masks.none())
        tree.add(loose.select(chosen), 0, np.full(len(chosen), -1))
        loose = loose.without(chosen)
        for depth in range(1, depth_of(self.config.levels[-1]) + 1):
            loose = self._descend(tree, loose, depth)
        return self._leveled(tree)

    def _ask(self, points_xy: np.ndarray) -> Masks:
        self.prompted_xy = np.concatenate([self.prompted_xy, points_xy])
        pool = prompt_points(self.segmenter, self.encoded, points_xy, self.config)
        return full_size(pool, self.height, self.width, self.config) if pool is not None else Masks.none()

    def _descend(self, tree: _Tree, loose: Masks, depth: int) -> Masks:
        """Give the masks of the previous depth their children; returns the masks still without a place."""
        above = np.flatnonzero(tree.depth == depth - 1)
        parents = [tree.masks.rle_counts[at] for at in above]
        if self.config.refine:
            points = points_inside_parents(
                parents,
                self.height,
                self.width,
                self.prompted_xy,
                self.config.refine_points,
                self.config.min_region_area,
            )
            loose = self._new_to(tree, loose.followed_by(self._ask(points)))
        chosen, owner = choose_children(loose.rle_counts, parents, self.height, self.width, self.nesting)
        children, rest = loose.select(chosen), loose.without(chosen)
        enclosing = [parents[at] for at in owner]
        children.rle_counts = clamp(children.rle_counts, enclosing, self.height, self.width)
        distinct = np.sort(self._distinct(children))
        tree.add(children.select(distinct), depth, above[owner[distinct]])
        return rest

    def _distinct(self, masks: Masks) -> np.ndarray:
        return keep_distinct(masks.rle_counts, masks.score, self.height, self.width, self.config.nms_iou)

    def _new_to(self, tree: _Tree, masks: Masks) -> Masks:
        """The masks that repeat neither each other nor what has its place already."""
        masks = masks.select(np.sort(self._distinct(masks)))
        iou = rle.iou_matrix(masks.rle_counts, tree.masks.rle_counts, self.height, self.width)
        return masks.select(np.flatnonzero(~(iou > self.config.nms_iou).any(1)))

    def _leveled(self, tree: _Tree) -> FrameCandidates:
        """The depths that were asked for. A coarser mask without parts stands in at the base level."""
        level_of = {depth_of(level): level for level in self.config.levels}
        base = depth_of(self.config.levels[0])
        has_parts = np.isin(np.arange(len(tree.depth)), tree.parent)
        depth = np.where((tree.depth < base) & ~has_parts, base, tree.depth)
        found = FrameCandidates(
            self.height,
            self.width,
            tree.masks.rle_counts,
            np.array([level_of.get(value, 0) for value in depth], np.int8),
            tree.parent,
            tree.masks.stability,
            tree.masks.predicted_iou,
            ["candidate"] * len(depth),
        )
        return found.select(np.flatnonzero(found.level > 0))
