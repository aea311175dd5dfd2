"""The head of a scene report: its large figures and the line below its name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from segassets.proposals.levels import LEVEL_NAMES
from segassets.reports.data import SceneTables
from segassets.reports.figures import TrackFigures
from segassets.reports.words import figure, seconds, several, size


def tile(label: str, value: str, note: str = "") -> dict[str, str]:
    """One of the large figures."""
    return {"label": label, "value": value, "note": note}


def headline(
    data: SceneTables,
    tracks: Sequence[TrackFigures],
    quality: dict[str, Any] | None,
    candidates: dict[str, Any] | None,
    costs: list[dict[str, Any]],
) -> list[dict[str, str]]:
    """The large figures at the top."""
    levels = sorted(Counter(item.level for item in tracks).items())
    words = ", ".join(f"{count} {LEVEL_NAMES.get(level, level)}" for level, count in levels)
    tiles = [tile("Tracks", str(len(tracks)), words or "none")]
    if quality and quality["true_objects"]:
        found = round(quality["object_recall"] * quality["true_objects"])
        first = f"first mask kept: {figure(quality['j_first_mask'])}"
        tiles.append(tile("Mean J of objects", figure(quality["j"]), first))
        switches = several(quality["id_switches"], "id switch").replace("switchs", "switches")
        tiles.append(tile("Objects found", f"{found} of {quality['true_objects']}", switches))
    if candidates:
        note = f"of {candidates['proposed']:,} on {several(len(candidates['keyframes']), 'keyframe')}"
        tiles.append(tile("Candidates kept", f"{candidates['kept']:,}", note))
    known = [item["seconds"] for item in costs if item["seconds"] is not None]
    if known:
        per_frame = sum(known) / max(1, data.frames.num_rows)
        tiles.append(tile("Time", seconds(sum(known)), f"{per_frame:.2f} s a frame, all stages"))
        cpu = max((item["peak_cpu_bytes"] or 0 for item in costs), default=0)
        gpu = max((item["peak_gpu_bytes"] or 0 for item in costs), default=0)
        tiles.append(tile("Memory peak", size(cpu or None), f"GPU: {size(gpu)}" if gpu else "no GPU used"))
    return tiles


def subtitle(data: SceneTables, tag: str) -> str:
    """Dataset, frames, size, tag."""
    frames = data.frames
    sizes = sorted(set(zip(*(frames.column(name).to_pylist() for name in ("width", "height")), strict=True)))
    shape = f"{sizes[0][0]} × {sizes[0][1]} px" if len(sizes) == 1 else f"{len(sizes)} picture sizes"
    dataset = str(data.facts.get("dataset", ""))
    parts = [dataset, several(frames.num_rows, "frame"), shape if sizes else "", f"tag {tag}"]
    return " · ".join(part for part in parts if part)
