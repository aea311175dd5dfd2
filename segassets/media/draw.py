"""Masks drawn on pictures: stable colours, outlines, readable ids, contact sheets. For eyes only."""

from __future__ import annotations

import colorsys
from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

_GOLDEN = 0.6180339887498949  # steps of the golden ratio keep neighbouring ids far apart in hue
_INK = (24, 26, 30)
_PAPER = (250, 250, 250)
_HIDDEN = 0.6  # the most that masks lying over each other hide of the picture

Masks = np.ndarray | Sequence[tuple[int, np.ndarray]]


@lru_cache(maxsize=4096)
def colour_of(instance_id: int) -> tuple[int, int, int]:
    """The RGB colour of an id: always the same, bright enough for outlines on photographs."""
    hue = (0.08 + instance_id * _GOLDEN) % 1.0
    saturation = (0.85, 0.62, 1.0)[instance_id % 3]
    value = (1.0, 0.95, 0.82)[(instance_id // 3) % 3]
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def draw_instances(
    rgb: np.ndarray,
    masks: Masks,
    ids: Sequence[int] | None = None,
    *,
    labels: bool | Mapping[int, str] = True,
    alpha: float = 0.35,
    outline_px: int | None = None,
) -> np.ndarray:
    """A copy of the picture with tinted, outlined and numbered masks; small masks lie over large ones.

    However many masks lie over each other, the picture shows through.

    Args:
        rgb: picture uint8 (H, W, 3).
        masks: bool (N, H, W), or pairs (id, mask (H, W)).
        ids: ids of the N masks; 1..N when not given.
        labels: write the id into each mask; a mapping from id gives other words; False writes nothing.
        alpha: strength of the tint where one mask lies, 0 to 1.
        outline_px: width of the outline; by default one part in 240 of the shorter side.

    Returns:
        uint8 (H, W, 3).
    """
    pairs = _pairs(masks, ids)
    canvas = np.array(rgb, dtype=np.uint8)
    width = outline_px or max(1, round(min(canvas.shape[:2]) / 240))
    boxes = [(identity, mask, _box(mask)) for identity, mask in pairs]
    shown = [(identity, mask[box], box) for identity, mask, box in boxes if box is not None]
    shown.sort(key=lambda item: -int(item[1].sum()))
    tint = _tints(shown, canvas.shape[:2], alpha)
    for identity, mask, box in shown:
        colour = np.array(colour_of(identity), np.float32)
        region, strength = canvas[box], tint[box][mask][:, None]
        region[mask] = (region[mask] * (1 - strength) + colour * strength).astype(np.uint8)
        region[_outline(mask, width)] = colour.astype(np.uint8)
    if labels is False or not shown:
        return canvas
    words = labels if isinstance(labels, Mapping) else {}
    return _write_labels(canvas, [(i, words.get(i, str(i)), _inner_point(m, b)) for i, m, b in shown])


def contact_sheet(
    pictures: Sequence[np.ndarray],
    columns: int = 4,
    labels: Sequence[str] | None = None,
    *,
    cell_px: int | None = None,
    gap_px: int = 6,
) -> np.ndarray:
    """Pictures side by side on light paper, row by row, each with its label above it.

    Args:
        pictures: uint8 (H, W, 3), of any sizes; each is fitted into a cell.
        columns: cells in a row, at most as many as pictures.
        labels: one text per picture.
        cell_px: width of a cell; by default that of the widest picture.

    Returns:
        uint8 (H, W, 3); one paper-coloured pixel when there are no pictures.
    """
    if not len(pictures):
        return np.full((1, 1, 3), _PAPER, np.uint8)
    columns = max(1, min(columns, len(pictures)))
    cell_width = cell_px or max(picture.shape[1] for picture in pictures)
    fitted = [_fit(picture, cell_width) for picture in pictures]
    rows = [fitted[at : at + columns] for at in range(0, len(fitted), columns)]
    text_px = max(11, round(cell_width / 28))
    font, strip = _font(text_px), round(text_px * 1.5) if labels else 0
    heights = [strip + max(picture.height for picture in row) for row in rows]
    size = (columns * cell_width + (columns + 1) * gap_px, sum(heights) + (len(rows) + 1) * gap_px)
    sheet = Image.new("RGB", size, _PAPER)
    pen = ImageDraw.Draw(sheet)
    for number, row in enumerate(rows):
        y = gap_px + sum(heights[:number]) + number * gap_px
        for column, picture in enumerate(row):
            x = gap_px + column * (cell_width + gap_px)
            if labels:
                text = _clipped(labels[number * columns + column], font, cell_width)
                pen.text((x + 1, y + strip / 2), text, _INK, font, anchor="lm")
            sheet.paste(picture, (x, y + strip))
    return np.asarray(sheet)


def _pairs(masks: Masks, ids: Sequence[int] | None) -> list[tuple[int, np.ndarray]]:
    if isinstance(masks, np.ndarray):
        numbers = range(1, len(masks) + 1) if ids is None else ids
        return [(int(identity), mask.astype(bool)) for identity, mask in zip(numbers, masks, strict=True)]
    return [(int(identity), np.asarray(mask, bool)) for identity, mask in masks]


def _box(mask: np.ndarray) -> tuple[slice, slice] | None:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return None
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _tints(
    shown: Sequence[tuple[int, np.ndarray, tuple[slice, slice]]], size_hw: tuple[int, int], alpha: float
) -> np.ndarray:
    """Strength float32 (H, W) of each of the tints of a pixel, so that all of them hide at most `_HIDDEN` of it."""
    depth = np.zeros(size_hw, np.intp)
    for _, mask, box in shown:
        depth[box] += mask
    over = np.arange(1, max(int(depth.max()), 1) + 1)
    hidden = np.minimum(1 - (1 - alpha) ** over, max(alpha, _HIDDEN))
    strength = np.concatenate([[0.0], 1 - (1 - hidden) ** (1 / over)])
    return strength.astype(np.float32)[depth]


def _outline(mask: np.ndarray, width: int) -> np.ndarray:
    """Pixels of the mask within `width` of its border."""
    from scipy import ndimage  # not before there are masks to draw: it takes longer than a small scene

    padded = np.pad(mask, 1)
    cross = ndimage.generate_binary_structure(2, 1)
    return mask & ~ndimage.binary_erosion(padded, cross, iterations=width)[1:-1, 1:-1]


def _inner_point(mask: np.ndarray, box: tuple[slice, slice]) -> tuple[int, int]:
    """(x, y) deep inside the mask, where its number does not look like a neighbour's."""
    from scipy import ndimage

    step = max(1, max(mask.shape) // 96)
    coarse = np.pad(mask[::step, ::step], 1)
    depth = ndimage.distance_transform_edt(coarse)
    y, x = np.unravel_index(int(depth.argmax()), depth.shape)
    return box[1].start + (int(x) - 1) * step, box[0].start + (int(y) - 1) * step


def _write_labels(canvas: np.ndarray, labels: Sequence[tuple[int, str, tuple[int, int]]]) -> np.ndarray:
    """Writes each text on a small plate; one that would cover an earlier one moves aside or is left out."""
    image = Image.fromarray(canvas)
    pen = ImageDraw.Draw(image)
    font = _font(max(10, round(min(canvas.shape[:2]) / 25)))
    taken: list[tuple[float, float, float, float]] = []
    for identity, text, centre in labels:
        left, top, right, bottom = pen.textbbox((0, 0), text, font, anchor="mm")
        half = ((right - left) / 2 + 2, (bottom - top) / 2 + 2)
        plate = _free_plate(centre, half, (image.width, image.height), taken)
        if plate is None:
            continue
        taken.append(plate)
        x, y = (plate[0] + plate[2]) / 2, (plate[1] + plate[3]) / 2
        pen.rounded_rectangle(plate, radius=3, fill=_INK, outline=colour_of(identity))
        pen.text((x - (left + right) / 2, y - (top + bottom) / 2), text, (255, 255, 255), font, anchor="mm")
    return np.asarray(image)


def _free_plate(
    centre: tuple[int, int],
    half: tuple[float, float],
    size_wh: tuple[int, int],
    taken: Sequence[tuple[float, float, float, float]],
) -> tuple[float, float, float, float] | None:
    """(x0, y0, x1, y1) around the centre or one step aside, inside the picture, off all plates taken."""
    for step_x, step_y in ((0, 0), (0, -1), (0, 1), (-1, 0), (1, 0), (-1, -1), (1, -1), (-1, 1), (1, 1)):
        x, y = (
            round(float(np.clip(at + step * 2 * reach, reach, max(reach, side - 1 - reach))))
            for at, step, reach, side in zip(centre, (step_x, step_y), half, size_wh, strict=True)
        )
        plate = (x - half[0], y - half[1], x + half[0], y + half[1])
        if not any(
            plate[0] < other[2] and other[0] < plate[2] and plate[1] < other[3] and other[1] < plate[3]
            for other in taken
        ):
            return plate
    return None


@lru_cache(maxsize=32)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _clipped(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text + "…"


def _fit(picture: np.ndarray, width: int) -> Image.Image:
    image = Image.fromarray(np.ascontiguousarray(picture))
    if image.width == width:
        return image
    size = (width, max(1, round(image.height * width / image.width)))
    return image.resize(size, Image.Resampling.LANCZOS)
