"""`segassets evaluate-instances`: 3D instances against truth, as ScanNet scores them."""

from __future__ import annotations

import typer

from segassets.cli.show import print_json, print_table


def evaluate_instances(
    overrides: list[str] = typer.Argument(
        None,
        metavar="[KEY=VALUE]...",
        help="Settings, e.g. instances.merge_overlap=0.6; for --masks coco_masks.",
    ),
    dataset: str = typer.Option(
        "rooms_eval", "--dataset", "-d", help="A dataset with true masks, sensor depth and poses."
    ),
    masks: str = typer.Option(
        "coco_masks",
        help="coco_masks: fuse true masks here; sam2_tracks: judge the stored scene_instances of a run.",
    ),
    scenes: int | None = typer.Option(None, "--scenes", min=1, help="Only the first so many scenes."),
    tag: str | None = typer.Option(None, help="Experiment tag; else SEGASSETS_TAG or main."),
    output_root: str | None = typer.Option(None, help="Where results lie; else SEGASSETS_OUTPUT_ROOT."),
    as_json: bool = typer.Option(False, "--json", help="As JSON."),
) -> None:
    """AP25, AP50 and AP of 3D instances; beside each that of the tracks unfused.

    Examples:

        segassets evaluate-instances -d rooms_eval

        segassets evaluate-instances -d rooms_eval --masks sam2_tracks
    """
    from segassets.config import load_settings
    from segassets.evaluation.instances3d import FIGURES
    from segassets.evaluation.scene_instances import evaluate_instances as evaluate
    from segassets.storage.store import ArtifactStore

    if masks not in ("coco_masks", "sam2_tracks"):
        raise typer.BadParameter(f"expected --masks coco_masks or sam2_tracks, found {masks}")
    settings = load_settings(None, overrides or (), {"tag": tag, "output_root": output_root})
    store = ArtifactStore(settings.root, settings.tag)
    result = evaluate(dataset, settings.instances, masks=masks, store=store, limit=scenes)
    if as_json:
        print_json(result)
        return
    rows = [(name, result[name], result["unfused"][name], what) for name, what in FIGURES.items()]
    print_table(("figure", masks, "unfused", "what"), rows)
    counted = ("scenes", "true_instances", "ignored_instances", "predictions")
    typer.echo(", ".join(f"{name.replace('_', ' ')} {result[name]}" for name in counted))
