"""Mask pictures as VideoCutLER leaves them, of what a deployment's pictures truly show."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw

from segassets_tests.deployment import draw_shapes


def write_mask_pictures(folder: Path, size_hw: tuple[int, int] = (96, 128), pictures: int = 2) -> None:
    """`mask_000.png`, ... of the first scene of `make_deployment`: a map of ids for each picture, 0 for nothing."""
    folder.mkdir(parents=True)
    for number in range(pictures):
        ids = Image.new("L", size_hw[::-1])
        for at, polygon in enumerate(draw_shapes(number, size_hw)[1], 1):
            ImageDraw.Draw(ids).polygon(list(zip(polygon[::2], polygon[1::2], strict=True)), fill=at)
        ids.save(folder / f"mask_{number:03d}.png")
