"""The report of one scene: a self-contained HTML page, and Markdown with its pictures beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from segassets import __version__
from segassets.lifting.query_config import QueryConfig
from segassets.reports import svg
from segassets.reports.ask_view import AskSection, ask_section
from segassets.reports.config import ReportConfig
from segassets.reports.data import SceneTables
from segassets.reports.figures import (
    candidate_figures,
    cost_figures,
    level_name,
    name_objects,
    quality_figures,
    track_figures,
)
from segassets.reports.headline import headline, subtitle
from segassets.reports.pictures import data_uris, draw_scene, read_comparison, write_jpeg, write_sheets
from segassets.reports.quality_view import quality_view
from segassets.reports.space_view import space_section
from segassets.reports.stage_view import candidates_view, costs_view, origin_view
from segassets.reports.timeline import timeline
from segassets.reports.track_view import largest, plots, track_rows, tracker_counts
from segassets.reports.words import environment, several, tidy
from segassets.storage import atomic

if TYPE_CHECKING:
    from segassets.datasets.frames import FrameSource
    from segassets.lifting.ask import AskedScene


PICTURES = "pictures"


@dataclass(frozen=True)
class ReportInputs:
    """What a scene report is made from.

    Attributes:
        scene, tag: whose report.
        source: the scene's pictures.
        folders: asset name -> local artifact folder; `frames` and `sam2_tracks` are needed, and coco_masks,
            mask_candidates, filtered_masks, track_comparison, depth_maps with depth_lifts and novel_views are shown
            where present. From any folder named
            here `provenance.json` and, where present, `run.json` ({"seconds": float, "peak_cpu_bytes": int,
            "peak_gpu_bytes": int | null, "started_at": str, ...}) are shown as well.
        asked: the scene's 3D instances, where there are any, and
        query: how the questions about them are answered.
    """

    scene: str
    source: FrameSource
    folders: dict[str, Path] = field(default_factory=dict)
    tag: str = "main"
    asked: AskedScene | None = None
    query: QueryConfig = field(default_factory=QueryConfig)


def write_scene_report(inputs: ReportInputs, out_dir: Path, config: ReportConfig) -> dict[str, Any]:
    """Writes `report.html`, `report.md` and `pictures/` into `out_dir`.

    Returns:
        Figures for metadata: {"html_bytes", "tracks", "frames", "pictures", and where there is truth "j", "f",
        "j_first_mask", "object_recall", "id_switches"}.
    """
    data = SceneTables(inputs.scene, inputs.folders)
    page = _Page(inputs, data, config)
    folder = out_dir / PICTURES
    folder.mkdir(parents=True, exist_ok=True)
    files = page.write_pictures(folder)
    html = environment().get_template("scene.html.j2").render(page.view, uris=page.uris())
    markdown = environment().get_template("scene.md.j2").render(page.view, files=files)
    atomic.write_text(out_dir / "report.html", html)
    atomic.write_text(out_dir / "report.md", tidy(markdown))
    figures = {"html_bytes": len(html.encode()), "tracks": page.all_tracks, "frames": data.frames.num_rows}
    figures["pictures"] = sum(1 for _ in folder.iterdir())
    if page.quality:
        names = ("j", "f", "j_first_mask", "object_recall", "id_switches")
        figures |= {name: page.quality[name] for name in names if page.quality[name] is not None}
    return figures


class _Page:
    """Everything a report prints, computed once for both of its forms."""

    def __init__(self, inputs: ReportInputs, data: SceneTables, config: ReportConfig) -> None:
        self.data, self.config = data, config
        tracks = track_figures(data)
        self.all_tracks = len(tracks)
        self.quality = quality_figures(data, config.match_iou, config.boundary)
        name_objects(tracks, self.quality)
        candidates, costs = candidate_figures(data), cost_figures(data)
        shown = largest(tracks, config.max_tracks)
        self.pictures = draw_scene(inputs.source, data, shown, config)
        self.comparison, note = read_comparison(inputs.folders.get("track_comparison"), config.max_width)
        self.space = space_section(inputs.folders, config.max_width)
        self.ask = _ask(inputs, data)
        frames = data.frames.num_rows
        origin, software = origin_view(data)
        self.view: dict[str, Any] = {
            "scene": inputs.scene,
            "tag": inputs.tag,
            "subtitle": subtitle(data, inputs.tag),
            "tiles": headline(data, tracks, self.quality, candidates, costs),
            "track_sheets": _sheets(self.pictures.sheets, "tracks", Counter(item.level for item in tracks)),
            "candidate_sheets": _sheets(self.pictures.candidates, "candidates", Counter()),
            "tracks": track_rows(shown),
            "hidden": len(tracks) - len(shown),
            "counts": tracker_counts(data.stats),
            "timeline": timeline(shown, frames),
            "plots": plots(shown, frames),
            "quality": quality_view(self.quality, config.match_iou) if self.quality else None,
            "candidates": candidates_view(candidates, frames) if candidates else None,
            "comparison": [_words(name, "", name.replace("-", " ")) for name in self.comparison],
            "comparison_note": note,
            "space": self.space.view if self.space else None,
            "ask": self.ask.view if self.ask else None,
            "costs": costs_view(costs),
            "origin": origin,
            "software": software,
            "plot_style": svg.STYLE,
            "version": __version__,
        }

    def uris(self) -> dict[str, str]:
        """Every picture as a data URI, so that the whole page stays within its size."""
        plots_and_text = sum(len(str(value)) for value in self.view.values())
        budget = max(100_000, self.config.max_bytes - plots_and_text - _MARKUP_BYTES)
        return data_uris({**self.pictures.by_name(), **self._further_pictures()}, budget)

    def _further_pictures(self) -> dict[str, np.ndarray]:
        sections = [section.pictures for section in (self.space, self.ask) if section]
        return {name: picture for part in (self.comparison, *sections) for name, picture in part.items()}

    def write_pictures(self, folder: Path) -> dict[str, str]:
        """The files the Markdown report shows; returns name -> path relative to it."""
        files = write_sheets(self.pictures, folder, self.config.max_width)
        for name, picture in self._further_pictures().items():
            files[name] = f"{_file_name(name)}.jpg"
            write_jpeg(folder / files[name], picture)
        drawn = {"timeline": self.view["timeline"]} if self.view["tracks"] else {}
        for plot in self.view["plots"]:
            drawn |= {f"{kind}-L{plot['level']}": plot[kind] for kind in ("area", "score") if plot[kind]}
        if self.view["candidates"]:
            drawn["candidates"] = self.view["candidates"]["columns"]
        for name, plot in drawn.items():
            files[name] = f"{_file_name(name)}.svg"
            atomic.write_text(folder / files[name], svg.standalone(str(plot)))
        return {name: f"{PICTURES}/{file}" for name, file in files.items()}


def _ask(inputs: ReportInputs, data: SceneTables) -> AskSection | None:
    if inputs.asked is None:
        return None
    return ask_section(inputs.asked, inputs.source, data.categories, inputs.query)


_MARKUP_BYTES = 120_000


def _file_name(name: str) -> str:
    return name.replace("-", "_")


def _sheets(
    levels: Mapping[int, Sequence[tuple[int, np.ndarray]]], kind: str, counts: Mapping[int, int]
) -> list[dict[str, Any]]:
    """The contact sheets of each level: title, and a name and caption for each picture."""
    return [
        {
            "level": level,
            "title": level_name(level) + (f" · {several(counts[level], 'track')}" if counts else ""),
            "pictures": [
                _words(
                    f"{kind}-L{level}-{frame}",
                    f"frame {frame}",
                    f"{kind} of {level_name(level)}, frame {frame}",
                )
                for frame, _ in pictures
            ],
        }
        for level, pictures in sorted(levels.items())
    ]


def _words(name: str, caption: str, alt: str) -> dict[str, str]:
    return {"name": name, "caption": caption, "alt": alt}
