"""`segassets compare`: the figures of two experiment tags side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from segassets.cli.show import print_json, print_table


def compare(
    tag_a: str = typer.Argument(..., help="An experiment tag, e.g. main."),
    tag_b: str = typer.Argument(..., help="Another one."),
    scenes: str | None = typer.Option(None, help="Scene keys, by comma; else all that have tracks in both."),
    output_root: str | None = typer.Option(None, help="Where results lie; else SEGASSETS_OUTPUT_ROOT."),
    by_scene: bool = typer.Option(False, "--by-scene", help="Also every scene for itself."),
    page: Path | None = typer.Option(
        None, help="Folder for a page with the tracks of both on the same frames."
    ),
    as_json: bool = typer.Option(False, "--json", help="As JSON."),
) -> None:
    """Two tags side by side: counts, seconds, memory and, where there is truth, quality.

    Counts and seconds are summed over the scenes that both tags have, quality is averaged.

    Examples:

        segassets run demo --tag boxes tracking.prompt=box

        segassets compare main boxes --page out/boxes
    """
    from segassets.cli.tag_figures import scene_figures, together
    from segassets.config.load import load_settings
    from segassets.storage.store import ArtifactStore

    root = load_settings(options={"output_root": output_root}).root
    stores = {tag: ArtifactStore(root, tag) for tag in (tag_a, tag_b)}
    keys = [key.strip() for key in scenes.split(",")] if scenes else _in_both(stores, root)
    figures = {tag: {key: scene_figures(store, key) for key in keys} for tag, store in stores.items()}
    sums = {tag: together(list(rows.values())) for tag, rows in figures.items()}
    if page is not None:
        from segassets.reports.compare import write_tag_comparison

        write_tag_comparison(stores[tag_a], stores[tag_b], keys, page, figures=figures)
        typer.echo(f"page written to {page.absolute() / 'compare.html'}", err=True)
    if as_json:
        print_json({"scenes": keys, "together": sums, "by_scene": figures})
        return
    _print(tag_a, tag_b, sums, f"{len(keys)} scenes together")
    for key in keys if by_scene else ():
        _print(tag_a, tag_b, {tag: rows[key] for tag, rows in figures.items()}, key)


def _in_both(stores: dict[str, Any], root: str) -> list[str]:
    """Scenes with tracks in every tag.

    Raises:
        MissingInput: there are none; says what each tag has.
    """
    from segassets.errors import MissingInput

    found = {tag: store.scenes("sam2_tracks") for tag, store in stores.items()}
    common = sorted(set.intersection(*(set(keys) for keys in found.values())))
    if not common:
        counts = ", ".join(f"tag {tag} has tracks of {len(keys)} scenes" for tag, keys in found.items())
        raise MissingInput(f"nothing to compare under {root}: {counts}, none in common")
    return common


def _print(tag_a: str, tag_b: str, figures: dict[str, dict[str, Any]], title: str) -> None:
    a, b = figures[tag_a], figures[tag_b]
    rows = [(name, a[name], b[name], _difference(a[name], b[name])) for name in a]
    print_table(("", tag_a, tag_b, "difference"), rows, title)


def _difference(a: float | None, b: float | None) -> str | None:
    if a is None or b is None:
        return None
    text = f"{b - a:+.3f}" if isinstance(a, float) or isinstance(b, float) else f"{b - a:+d}"
    return f"{text} ({(b - a) / a:+.0%})" if a else text
