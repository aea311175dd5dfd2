"""`segassets make`: any asset of scenes, with what it is made from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from segassets.cli.train import DRY, FORCE, JSON, ROOT, TAG

if TYPE_CHECKING:
    from collections.abc import Mapping

    from segassets.cli.execution import Graph
    from segassets.config import Settings
    from segassets.orchestration.scene_assets import SceneAsset
    from segassets.storage.store import ArtifactStore


def make(
    words: list[str] = typer.Argument(
        ..., metavar="ASSET... [KEY.PATH=VALUE]...", help="Names of assets; then settings."
    ),
    config: str | None = typer.Option(None, help="A YAML file, or the name of one in configs/runs/."),
    datasets: str | None = typer.Option(None, "--datasets", "-d", help="Datasets, by comma."),
    scenes: str | None = typer.Option(None, help="all, or scene keys or names by comma."),
    frames: str | None = typer.Option(None, help="A Python slice, e.g. 0:200:5."),
    model: str | None = typer.Option(None, help="A name in configs/models/, or a trained one."),
    device: str | None = typer.Option(None, help="auto, cpu, cuda or cuda:<i>."),
    tag: str | None = TAG,
    output_root: str | None = ROOT,
    force: bool = FORCE,
    dry_run: bool = DRY,
    as_json: bool = JSON,
) -> None:
    """Make assets of scenes, and what they are made from where that is missing or no longer fits.

    Settings come from where `segassets run` takes them: command line, SEGASSETS_* variables, YAML, defaults. Assets
    whose settings are no part of a run's take them as ASSET.KEY=VALUE, the keys of the UI's launchpad. Names of assets
    are those of the Dagster UI.

    Examples:

        segassets make pseudo_tubes -d rooms_demo

        segassets make pseudo_masks -d davis16_dev pseudo_masks.frame_stride=8 --dry-run

        segassets make sam2_tracks --config demo

        segassets make vis_evaluation -d rooms_demo 'vis_evaluation.predictions=[pseudo_tubes, sam2_tracks]'
    """
    from segassets.cli.asked_run import SCENE, Asked
    from segassets.cli.asked_run import make as make_asked
    from segassets.config import load_settings
    from segassets.config.selection import selected_scenes

    names = [word for word in words if "=" not in word]
    texts = [word for word in words if "=" in word]
    of_assets = [text for text in texts if _asset_of(text) is not None]
    options = {
        "datasets": datasets, "scenes": scenes, "frames": frames, "model": model, "device": device, "tag": tag,
        "output_root": output_root,
    }  # fmt: skip
    settings = load_settings(config, [text for text in texts if text not in of_assets], options)
    keys = selected_scenes(settings)
    graph = graph_of(names, settings, keys[0], asset_values(of_assets))
    code = make_asked(
        settings,
        graph,
        Asked(SCENE, keys, texts),
        title="make",
        force=force,
        dry_run=dry_run,
        as_json=as_json,
        tell=lambda store, key: _facts(store, names, key),
        show=_show,
    )
    if code:
        raise typer.Exit(code)


def asset_values(texts: list[str]) -> dict[str, dict[str, Any]]:
    """Values of `ASSET.KEY.PATH=VALUE` texts by asset.

    Raises:
        BadConfig: a key the asset does not have (with the nearest), or a wrong value.
    """
    from segassets.learning.experiment import override
    from segassets.strict import parse

    values = override({}, texts)
    for name, given in values.items():
        parse(_assets()[name].config, given, f"{name} on the command line")
    return values


def graph_of(
    names: list[str], settings: Settings, key: str, values: Mapping[str, Mapping[str, Any]] | None = None
) -> Graph:
    """The named assets and all that they read under these settings, upstream first.

    Args:
        key: one of the scenes; what an asset reads is the same for all.
        values: by asset, what is said of it beside the settings.

    Raises:
        BadConfig: no name, or an unknown one (with the nearest).
    """
    from segassets.cli.execution import Graph
    from segassets.errors import BadConfig, did_you_mean

    by_name, values = _assets(), values or {}
    wanted: set[str] = set()
    waiting = list(names)
    if not waiting:
        raise BadConfig(f"expected the name of an asset.{did_you_mean('', by_name)}")
    while waiting:
        name = waiting.pop()
        if name not in by_name:
            raise BadConfig(f"there is no asset of scenes {name!r}.{did_you_mean(name, by_name)}")
        if name not in wanted:
            wanted.add(name)
            asset = by_name[name]
            waiting += asset.reads(
                asset.settled(key, asset.config_type(settings)(**values.get(asset.name, {})))
            )
    return Graph("make_assets", tuple(by_name[name] for name in by_name if name in wanted), values)


def _assets() -> dict[str, SceneAsset]:
    """All assets of scenes by name, upstream first."""
    from segassets.assets.graph import ASKED_ASSETS, SCENE_ASSETS

    return {asset.name: asset for asset in (*SCENE_ASSETS, *ASKED_ASSETS) if asset.kind == "scene"}


def _asset_of(text: str) -> str | None:
    """The asset that KEY.PATH=VALUE is about, where a run's settings have no section of that name."""
    from segassets.config import Settings

    head, dot, _ = text.partition("=")[0].strip().partition(".")
    return head if dot and head in _assets() and head not in Settings.model_fields else None


def _facts(store: ArtifactStore, names: list[str], key: str) -> dict[str, Any]:
    return {name: store.location(name, key) for name in names}


def _show(told: dict[str, dict[str, Any]]) -> None:
    for places in told.values():
        for name, place in places.items():
            typer.echo(f"{name:<20} {place}")
