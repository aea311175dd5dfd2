"""`segassets tubes evaluate | foreground`: how good tubes and pseudo masks are, over scenes or files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from segassets.cli.train import JSON, ROOT, TAG

app = typer.Typer(no_args_is_help=True, help="Judge tubes and pseudo masks against ground truth.")
SHOWN = ("ap", "ap50", "ap75", "ap_s", "ap_m", "ap_l", "ar1", "ar10", "ar100", "recall50", "mean_best_iou")


@app.command()
def evaluate(
    assets: list[str] = typer.Argument(None, help="Assets with tubes; else pseudo_tubes."),
    datasets: str | None = typer.Option(None, "--datasets", "-d", help="Datasets, by comma."),
    scenes: str | None = typer.Option(None, help="all, or scene keys or names by comma."),
    level: list[int] = typer.Option([2], help="Levels of the annotations that are looked for."),
    truth: Path | None = typer.Option(
        None, help="A YTVIS or LV-VIS file of ground truth; then with --results."
    ),
    results: Path | None = typer.Option(
        None, help="A list of results, or a file of tubes, of the same videos."
    ),
    tag: str | None = TAG,
    output_root: str | None = ROOT,
    as_json: bool = JSON,
) -> None:
    """AP, AP50, AP75, AP by size and AR of tubes, over all scenes together: as YTVIS judges them, categories aside.

    Where predictions have categories, by category as well, and LV-VIS's base and novel where the file of ground truth
    has partitions. Recall and the mean IoU of each true tube's best prediction still count where not everything is
    annotated. The last row is one box in the middle of every frame.

    Examples:

        segassets tubes evaluate -d rooms_eval

        segassets tubes evaluate pseudo_tubes sam2_tracks -d davis16_dev

        segassets tubes evaluate --truth lvvis_val.json --results results.json
    """
    from segassets.errors import BadConfig

    if (truth is None) != (results is None):
        raise BadConfig("expected --truth and --results together")
    if truth is not None and results is not None:
        told = _of_files(truth, results)
    else:
        told = _of_scenes(assets or ["pseudo_tubes"], datasets, scenes, level, tag, output_root)
    _show(told, as_json)


@app.command()
def foreground(
    datasets: str | None = typer.Option(None, "--datasets", "-d", help="Datasets, by comma."),
    scenes: str | None = typer.Option(None, help="all, or scene keys or names by comma."),
    asset: str = typer.Option("pseudo_masks", help="An asset with masks."),
    tag: str | None = TAG,
    output_root: str | None = ROOT,
    as_json: bool = JSON,
) -> None:
    """Foreground IoU of pseudo masks, beside a box in the middle of the frame.

    `iou` is that of all masks of a frame taken as one with all that is annotated, `best_iou` that of the best single
    mask.

    Example:

        segassets tubes foreground -d davis16_dev
    """
    from segassets.cli.show import print_json, print_table
    from segassets.evaluation.foreground import foreground_scores

    rows: dict[str, dict[str, Any]] = {}
    for scene in _scenes(datasets, scenes, tag, output_root, [asset, "coco_masks"]):
        looked_at = scene.looked_at(asset)
        found = foreground_scores(scene.masks(asset), scene.masks("coco_masks"), looked_at)
        if found.frames:
            names = ("iou", "best_iou", "box_iou", "frames")
            rows[scene.scene] = {name: getattr(found, name) for name in names}
    if rows:
        count = sum(row["frames"] for row in rows.values())
        means = {
            name: sum(row[name] * row["frames"] for row in rows.values()) / count
            for name in ("iou", "best_iou", "box_iou")
        }
        rows["all frames"] = {**means, "frames": count}
    if as_json:
        print_json(rows)
        return
    columns = ("iou", "best_iou", "box_iou", "frames")
    print_table(("", *columns), [(key, *(row[name] for name in columns)) for key, row in rows.items()])


def _of_files(truth: Path, results: Path) -> dict[str, Any]:
    from segassets.datasets.ytvis_tubes import read_results, read_tube_file
    from segassets.evaluation.vis_scenes import VisVideo

    file = read_tube_file(truth)
    videos = [VisVideo(true, found) for true, found in read_results(file, results)]
    boxes = [
        video.with_centred_box(range(len(facts["file_names"])))
        for video, facts in zip(videos, file.videos.values(), strict=True)
    ]
    return {results.name: _told(videos, file.categories, file.partitions), "centred box": _told(boxes)}


def _of_scenes(
    assets: list[str],
    datasets: str | None,
    scenes: str | None,
    levels: list[int],
    tag: str | None,
    output_root: str | None,
) -> dict[str, Any]:
    from segassets.evaluation.vis_scenes import annotated_frames, vis_videos

    stored = _scenes(datasets, scenes, tag, output_root, [*assets, "coco_masks"])
    told: dict[str, Any] = {}
    boxes: list[Any] = []
    for asset in assets:
        videos = []
        for scene in stored:
            own = list(
                vis_videos(
                    scene.masks("coco_masks"),
                    scene.masks(asset),
                    scene.frames,
                    summary=scene.summary(asset),
                    levels=levels,
                )
            )
            videos += own
            if asset == assets[0]:
                boxes += [video.with_centred_box(annotated_frames(scene.frames)) for video in own]
        told[asset] = _told(videos, stored[0].categories)
    return told | {"centred box": _told(boxes)}


def _told(
    videos: list[Any], categories: dict[int, str] | None = None, partitions: dict[int, int] | None = None
) -> dict[str, Any]:
    from segassets.evaluation.vis_scenes import figures_of_scores, has_categories, judge_scenes

    scores = judge_scenes(videos, categories, partitions)
    return figures_of_scores(scores, by_category=has_categories(videos))


def _scenes(
    datasets: str | None, scenes: str | None, tag: str | None, output_root: str | None, assets: list[str]
) -> list[Any]:
    """The scenes of which all these assets are stored; the others are named."""
    from segassets.config import load_settings
    from segassets.config.selection import selected_scenes
    from segassets.errors import MissingInput
    from segassets.exports.source import ExportSource
    from segassets.storage.store import ArtifactStore

    options = {"datasets": datasets, "scenes": scenes, "tag": tag, "output_root": output_root}
    settings = load_settings(options=options)
    store = ArtifactStore(settings.root, settings.tag)
    keys = selected_scenes(settings)
    present = [key for key in keys if all(store.has(asset, key) for asset in assets)]
    if not present:
        raise MissingInput(
            f"no scene of {len(keys)} has {' and '.join(assets)} under {settings.root} (tag {settings.tag}); make them "
            f"with: segassets make {' '.join(assets)} -d ..."
        )
    if absent := [key for key in keys if key not in present]:
        typer.secho(f"not judged, not made: {', '.join(absent[:10])}", fg="yellow", err=True)
    return [ExportSource(store, key) for key in present]


def _show(told: dict[str, Any], as_json: bool) -> None:
    from segassets.cli.show import print_json, print_table

    if as_json:
        print_json(told)
        return
    rows = []
    for name, figures in told.items():
        for group in ("agnostic", "per_class", "base", "novel"):
            if group in figures:
                counts = (figures["counts"]["predictions"], figures["counts"]["true_tubes"])
                words = name if group == "agnostic" else f"{name}, {group.replace('_', ' ')}"
                rows.append((words, *(figures[group].get(key) for key in SHOWN), *counts))
    print_table(("", *SHOWN, "tubes", "true"), rows)
