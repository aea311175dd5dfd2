"""The section of a scene report against truth."""

from __future__ import annotations

import math
from typing import Any

from segassets.reports.figures import level_name
from segassets.reports.headline import tile
from segassets.reports.words import figure, several

MAX_OBJECTS = 100


def quality_view(quality: dict[str, Any], match_iou: float) -> dict[str, Any]:
    """The section against truth."""
    levels = []
    for level, figures in quality["levels"].items():
        objects = sorted((o for o in quality["objects"] if o["level"] == level), key=lambda o: -o["j"])
        levels.append(
            {
                "level": level,
                "title": f"{level_name(level)} · {several(figures['true_objects'], 'object')}",
                "tiles": _quality_tiles(figures),
                "objects": [_object_row(item, match_iou) for item in objects[:MAX_OBJECTS]],
                "hidden": max(0, len(objects) - MAX_OBJECTS),
            }
        )
    return {"match_iou": match_iou, "levels": levels}


def _quality_tiles(figures: dict[str, Any]) -> list[dict[str, str]]:
    found = round(figures["object_recall"] * figures["true_objects"])
    return [
        tile("Mean J", figure(figures["j"]), f"first mask kept: {figure(figures['j_first_mask'])}"),
        *([tile("Mean F", figure(figures["f"]), "of the boundaries")] if figures["f"] is not None else []),
        tile(
            "Found", f"{found} of {figures['true_objects']}", f"mean J of these: {figure(figures['j_found'])}"
        ),
        tile("Identity switches", str(figures["id_switches"]), "over all objects"),
        tile("Other tracks", str(figures["tracks_unmatched"]), "of this level match no true object"),
    ]


def _object_row(item: dict[str, Any], match_iou: float) -> dict[str, Any]:
    number = f"object {item['object_id']}"
    first = item["j_first_mask"]
    return {
        **item,
        "label": f"{item['name']} ({item['object_id']})" if item["name"] else number,
        "j": figure(item["j"]),
        "f": figure(item["f"]),
        "bar": f"{100 * item['j']:.1f}",
        "mark": f"{100 * first:.1f}" if math.isfinite(first) else "-9",
        "first": figure(first),
        "found": item["j"] >= match_iou,
    }
