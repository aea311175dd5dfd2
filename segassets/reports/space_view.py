"""The section of a scene report about its lift: depth, the scene from new views, what was left out."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from segassets.geometry.stored_lift import load_record
from segassets.lifting.depth_maps import DEPTH_FILE
from segassets.lifting.novel_views import VIEWS_FILE
from segassets.lifting.stored_depth import load_depth, load_rows
from segassets.media.depth_colours import depth_bounds, depth_picture
from segassets.media.pictures import read_picture
from segassets.media.preview import thumbnail
from segassets.reports.headline import tile
from segassets.reports.words import several

_MOST_VIEWS = 8
_CAPTIONS = {"left": "from the left", "right": "from the right", "above": "from above"}
_HELD_OUT = "the same view, rendered from the other frames"
_NEEDED = ("depth_maps", "depth_lifts", "novel_views")


@dataclass
class SpaceSection:
    """Pictures by name, and what is printed about them.

    Attributes:
        view: note, tiles, and for each picture its name, caption and alternative text.
    """

    view: dict[str, Any]
    pictures: dict[str, np.ndarray] = field(default_factory=dict)


def space_section(folders: dict[str, Path], width: int) -> SpaceSection | None:
    """The section; None where the scene was not lifted.

    Args:
        folders: asset name -> artifact folder.
        width: of the widest picture, pixels.
    """
    if any(asset not in folders for asset in _NEEDED):
        return None
    views = json.loads((folders["novel_views"] / VIEWS_FILE).read_text("utf-8"))
    lift = load_record(folders["depth_lifts"])
    section = SpaceSection({"note": _note(folders["depth_maps"], lift, views), "tiles": _tiles(lift, views)})
    items: list[dict[str, str]] = []

    def show(name: str, picture: np.ndarray, caption: str) -> None:
        section.pictures[name] = thumbnail(picture, width // 3)
        items.append({"name": name, "caption": caption, "alt": caption})

    frame = views["views"][0]["frame"] if views["views"] else None
    found = _depth(folders["depth_maps"], frame)
    if found is not None:
        show("space-depth", *found)
    for view in views["views"][:_MOST_VIEWS]:
        name = f"space-{view['kind'].replace('_', '-')}-{view['frame']}"
        own = f"frame {view['frame']}"
        if "picture" in view:
            show(
                f"{name}-picture", read_picture(folders["novel_views"] / view["picture"]), f"{own}, held out"
            )
        caption = f"{own} {_CAPTIONS[view['kind']]}" if view["kind"] in _CAPTIONS else _HELD_OUT
        show(name, read_picture(folders["novel_views"] / view["file"]), caption)
    section.view["pictures"] = items
    return section


def _depth(folder: Path, frame: int | None) -> tuple[np.ndarray, str] | None:
    """The coloured depth of the frame (else of the first with any), and its caption."""
    rows = load_rows(folder)
    for at in ([frame] if frame in rows else []) + sorted(rows):
        depth = load_depth(folder, rows[at]) if at is not None else None
        if depth is not None and depth.valid.any():
            near, far = depth_bounds(depth.z, depth.valid)
            unit = "m" if depth.unit == "m" else "(arbitrary unit)"
            return depth_picture(depth.z, depth.valid), f"depth of frame {at}, {near:.2f} to {far:.2f} {unit}"
    return None


def _tiles(lift: dict[str, Any], views: dict[str, Any]) -> list[dict[str, str]]:
    """The large figures."""
    tiles = [tile("Points", f"{lift['points']:,}", f"of {several(lift['frames'], 'frame')}")]
    if views["psnr_held_out"] is not None:
        note = "" if views["psnr_nearest"] is None else f"nearest other picture: {views['psnr_nearest']:.1f}"
        tiles.append(tile("PSNR of the held-out view", f"{views['psnr_held_out']:.1f} dB", note))
    if lift["agreement"] is not None:
        note = "of points lie on what another frame measures"
        tiles.append(tile("Frames agree", f"{100 * lift['agreement']:.0f} %", note))
    return tiles


def _note(depth_folder: Path, lift: dict[str, Any], views: dict[str, Any]) -> str:
    depth = json.loads((depth_folder / DEPTH_FILE).read_text("utf-8"))
    if lift["points"] == 0:
        return f"Nothing was lifted: {views['reason'] or 'no depth'}."
    where = "in one world" if lift["space"] == "world" else "each frame in its own camera's axes"
    words = [
        f"Depth: {depth['source']}, in {'metres' if lift['unit'] == 'm' else 'an arbitrary unit'}, {where}"
    ]
    if lift["intrinsics"] != "of the footage":
        words.append(f"intrinsics assumed: {lift['intrinsics']}")
    left_out = {**depth["excluded"], **lift["excluded"]}
    if left_out:
        words.append(
            "left out: "
            + ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in left_out.items())
        )
    return ". ".join(word[0].upper() + word[1:] for word in words) + "."
