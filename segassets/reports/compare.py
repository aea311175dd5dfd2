"""Two experiment tags side by side: figures, settings that differ, the tracks of both on the same frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segassets import __version__
from segassets.datasets.frames import FrameSource
from segassets.errors import BadInput
from segassets.evaluation.track_quality import track_quality
from segassets.reports import svg
from segassets.reports.config import TagComparisonConfig
from segassets.reports.data import ASSETS, SceneTables, levels_of, rows_by_frame
from segassets.reports.overlays import UNMATCHED, at_width, overlay
from segassets.reports.pictures import data_uris
from segassets.reports.sampling import first_middle_last
from segassets.reports.words import NONE, environment, several
from segassets.storage import atomic
from segassets.storage.store import ArtifactStore

Figures = Mapping[str, float | int | None]


def write_tag_comparison(
    first: ArtifactStore,
    second: ArtifactStore,
    scenes: Sequence[str],
    out_dir: Path,
    config: TagComparisonConfig | None = None,
    figures: Mapping[str, Mapping[str, Figures]] | None = None,
) -> dict[str, Any]:
    """Writes `compare.html`, one self-contained page, into `out_dir`.

    Args:
        first, second: two tags, usually under one root.
        scenes: keys of scenes that have tracks in both.
        figures: further figures to print, {tag: {scene: {name: value}}}.

    Returns:
        {"scenes": {scene: {"agreement", "matched", "only_first", "only_second"}}, "html_bytes"}: agreement
        is the mean J of the tracks of the first with those of the second they match one to one (None
        without tracks).

    Raises:
        BadInput: both stores have the same tag.
        MissingInput: a scene has no tracks in one of them.
    """
    if first.tag == second.tag and first.root == second.root:
        raise BadInput(f"expected two tags to compare, found '{first.tag}' twice")
    config = config or TagComparisonConfig()
    sections: list[dict[str, Any]] = []
    pictures: dict[str, np.ndarray] = {}
    results: dict[str, dict[str, Any]] = {}
    for scene in dict.fromkeys(scenes):
        tables = [_tables(store, scene) for store in (first, second)]
        matches = _matches(tables[0].tracks, tables[1].tracks)
        results[scene] = _agreement(matches, tables, config.match_iou)
        frames, drawn = _pairs(scene, tables, matches, config)
        pictures |= drawn
        rows = _figure_rows(scene, (first.tag, second.tag), figures or {})
        section = {"scene": scene, "rows": rows, "frames": frames, "differing": _differing(tables)}
        sections.append({**section, **results[scene]})
    view = {"first": first.tag, "second": second.tag, "sections": sections, "plot_style": svg.STYLE}
    uris = data_uris(pictures, 6_000_000)
    template = environment().get_template("compare.html.j2")
    html = template.render(view, uris=uris, version=__version__, several=several)
    out_dir.mkdir(parents=True, exist_ok=True)
    atomic.write_text(out_dir / "compare.html", html)
    return {"scenes": results, "html_bytes": len(html.encode())}


def _tables(store: ArtifactStore, scene: str) -> SceneTables:
    assets = [asset for asset in ASSETS if asset in ("frames", "sam2_tracks") or store.has(asset, scene)]
    return SceneTables(scene, {asset: store.peek(asset, scene).path for asset in assets})


def _matches(first: pa.Table, second: pa.Table) -> dict[int, tuple[int, float]]:
    """Track of the second -> (track of the first, J), one to one within each level."""
    found = {}
    for level in levels_of(first, second):
        mine, true = (table.filter(pc.equal(table.column("level"), level)) for table in (second, first))
        frames = {frame for table in (mine, true) for frame in table.column("frame").to_pylist()}
        for item in track_quality(mine, true, annotated_frames=frames)["objects"]:
            if item["track_id"]:
                found[item["track_id"]] = (item["object_id"], item["j"])
    return found


def _agreement(
    matches: dict[int, tuple[int, float]], tables: Sequence[SceneTables], match_iou: float
) -> dict[str, Any]:
    same = [j for _, j in matches.values() if j >= match_iou]
    counts = [data.summary.num_rows for data in tables]
    return {
        "agreement": sum(same) / len(same) if same else None,
        "matched": len(same),
        "only_first": counts[0] - len(same),
        "only_second": counts[1] - len(same),
    }


def _pairs(
    scene: str,
    tables: Sequence[SceneTables],
    matches: dict[int, tuple[int, float]],
    config: TagComparisonConfig,
) -> tuple[list[int], dict[str, np.ndarray]]:
    """The tracks of the coarsest level in both tags on the same frames, in one colour where they match."""
    frames = tables[0].frames
    levels = levels_of(*(data.tracks for data in tables)) or [2]
    own = [data.tracks.filter(pc.equal(data.tracks.column("level"), levels[0])) for data in tables]
    by_frame = [rows_by_frame(table) for table in own]
    source = FrameSource(frames, tables[0].facts["root"])
    shown, drawn = first_middle_last(len(source), config.frames), {}
    for frame, rgb in source.iterate(shown):
        picture = at_width(rgb, config.max_width // 2)
        for side, rows in enumerate(groups.get(frame) for groups in by_frame):
            ids = [] if rows is None else rows.column("track_id").to_pylist()
            if side == 0:
                same, names = ids, {}
            else:
                same = [matches[track][0] if track in matches else UNMATCHED + track for track in ids]
                names = {identity: str(track) for identity, track in zip(same, ids, strict=True)}
            name = f"{scene}-{frame}-{('first', 'second')[side]}"
            drawn[name] = overlay(picture, rows, same, names=names)
    return shown, drawn


def _figure_rows(
    scene: str, tags: tuple[str, str], figures: Mapping[str, Mapping[str, Figures]]
) -> list[dict[str, str]]:
    first, second = (figures.get(tag, {}).get(scene, {}) for tag in tags)
    return [
        {
            "name": name.replace("_", " "),
            "first": _number(first.get(name)),
            "second": _number(second.get(name)),
            "difference": _difference(first.get(name), second.get(name)),
        }
        for name in dict.fromkeys([*first, *second])
    ]


def _number(value: float | int | None) -> str:
    if value is None:
        return NONE
    return f"{value:,}" if isinstance(value, int) else f"{value:,.3f}"


def _difference(first: float | int | None, second: float | int | None) -> str:
    if first is None or second is None or first == second:
        return ""
    change = second - first
    text = f"{change:+,}" if isinstance(change, int) else f"{change:+,.3f}"
    return f"{text} ({change / first:+.0%})" if first else text


def _differing(tables: Sequence[SceneTables]) -> list[dict[str, str]]:
    """Settings, models and code versions that are not the same in both."""
    records = [_flat_record(data) for data in tables]
    names = dict.fromkeys([*records[0], *records[1]])
    return [
        {"name": name, "first": records[0].get(name, NONE), "second": records[1].get(name, NONE)}
        for name in names
        if records[0].get(name) != records[1].get(name)
    ]


def _flat_record(data: SceneTables) -> dict[str, str]:
    flat: dict[str, str] = {}
    for asset, record in data.provenance().items():
        flat[f"{asset}: code version"] = str(record.code_version)
        for key, value in record.model.items():
            flat[f"{asset}: model {key}"] = str(value)[:16]
        _flatten(record.config, f"{asset}: ", flat)
    return flat


def _flatten(value: Any, prefix: str, into: dict[str, str]) -> None:
    for key, item in value.items():
        if isinstance(item, dict):
            _flatten(item, f"{prefix}{key}.", into)
        else:
            into[f"{prefix}{key}"] = str(item)
