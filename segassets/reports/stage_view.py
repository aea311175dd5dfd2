"""The sections of a scene report about its making: candidates, time and memory, provenance."""

from __future__ import annotations

import json
from typing import Any

from segassets.proposals.levels import depth_of
from segassets.reports import svg
from segassets.reports.data import SceneTables
from segassets.reports.figures import level_name
from segassets.reports.words import figure, moment, several, size

LEVEL_COLOURS = ("#2a9d8f", "#e9a23b", "#8f6bd8")  # whole, part, sub-part
DROPPED_COLOUR = "#b9c0c9"


def candidates_view(found: dict[str, Any], frames: int) -> dict[str, Any]:
    """The section on candidates."""
    names = {level: f"{level_name(level)}, kept" for level in found["levels"]}
    colours = {level: LEVEL_COLOURS[depth_of(level)] for level in found["levels"]}
    groups = []
    for item in found["keyframes"]:
        stack = [(names[level], colours[level], item["kept"][level]) for level in found["levels"]]
        groups.append((item["frame"], [*stack, ("dropped", DROPPED_COLOUR, item["dropped"])]))
    most = max(found["dropped"].values(), default=1)
    proposed = f"{found['proposed']:,} masks were proposed on {several(len(groups), 'keyframe')}"
    return {
        "note": f"{proposed}; the filter kept {found['kept']:,}.",
        "columns": svg.columns(groups, frames, label="candidates on each keyframe"),
        "legend": [{"name": names[level], "colour": colours[level]} for level in found["levels"]]
        + [{"name": "dropped", "colour": DROPPED_COLOUR}],
        "dropped": [
            {"reason": reason.replace("_", " "), "count": count, "bar": f"{100 * count / most:.1f}"}
            for reason, count in sorted(found["dropped"].items(), key=lambda entry: -entry[1])
        ],
        "recall": [_recall_row(level, figures) for level, figures in (found["recall"] or {}).items()],
    }


def _recall_row(level: int, figures: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": level_name(level),
        "truths": figures["truths"],
        "recall": figure(figures["recall"]),
        "bar": f"{100 * figures['recall']:.1f}",
        "mark": f"{100 * figures['baseline']:.1f}",
        "best": figure(figures["mean_best_iou"]),
        "baseline": figure(figures["baseline"]),
    }


def costs_view(costs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of time and memory."""
    most = max((item["seconds"] or 0.0 for item in costs), default=0.0) or 1.0
    return [
        {
            "asset": item["asset"],
            "seconds": figure(item["seconds"]),
            "bar": f"{100 * (item['seconds'] or 0) / most:.1f}",
            "cpu": size(item["peak_cpu_bytes"]),
            "gpu": size(item["peak_gpu_bytes"]),
            "started_at": moment(item["started_at"]),
        }
        for item in costs
    ]


def origin_view(data: SceneTables) -> tuple[list[dict[str, Any]], str]:
    """Rows of provenance, and the software of the last of them."""
    rows, software = [], ""
    for asset, record in data.provenance().items():
        text = json.dumps(record.config, indent=1, sort_keys=True, default=str)
        rows.append(
            {
                "asset": asset,
                "version": record.version,
                "code_version": record.code_version,
                "inputs": sorted((name, str(version)[:16]) for name, version in record.inputs.items()),
                "model": record.model.get("name", ""),
                "sha256": record.model.get("sha256", ""),
                "created_at": moment(record.created_at),
                "config": text,
                "fenced": text.replace("`", "'"),
            }
        )
        software = "\n".join(f"{name} {version}" for name, version in sorted(record.software.items()))
    return rows, software
