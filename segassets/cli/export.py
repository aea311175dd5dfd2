"""`segassets export`: artifacts of scenes in the formats other programs read."""

from __future__ import annotations

from pathlib import Path

import typer

from segassets.cli.show import print_json


def export(
    format: str = typer.Argument(
        ...,
        help="my3dis, coco, davis, sav, ytvis, relations, points, gaussians, colmap, langsplat, records or rrd; 'list' "
        "shows their options.",
    ),
    out_dir: Path | None = typer.Argument(
        None, help="A new folder, or an earlier export of that format, replaced."
    ),
    options: list[str] = typer.Argument(None, metavar="[KEY=VALUE]...", help="Options of the format."),
    scenes: str | None = typer.Option(
        None, help="Scene keys, by comma; else every scene that has what the format needs."
    ),
    tag: str | None = typer.Option(None, help="Experiment tag; else SEGASSETS_TAG or main."),
    output_root: str | None = typer.Option(None, help="Where results lie; else SEGASSETS_OUTPUT_ROOT."),
    allow_stale: bool = typer.Option(False, "--allow-stale", help="Also what no longer fits its inputs."),
    as_json: bool = typer.Option(False, "--json", help="What was written, as JSON."),
) -> None:
    """Write tracks, masks, points and Gaussians for other programs; the folder appears whole or not at all.

    Examples:

        segassets export list

        segassets export davis out/davis --scenes rooms_demo.000

        segassets export my3dis out/my3dis mask_scale_ratio=0.3 --tag night

        segassets export gaussians out/splats which=objects
    """
    if format == "list":
        _list_formats()
        return
    if out_dir is None:
        raise typer.BadParameter("name the folder to write, e.g. segassets export davis out/davis")
    from segassets.config.load import load_settings
    from segassets.config.values import parse_options
    from segassets.errors import MissingInput
    from segassets.exports.registry import export_format, export_scenes
    from segassets.storage.store import ArtifactStore
    from segassets.strict import parse

    chosen = export_format(format)
    values = parse_options(chosen.options, options or (), f"options of export format {format}")
    settings = load_settings(options={"tag": tag, "output_root": output_root})
    store = ArtifactStore(settings.root, settings.tag)
    asset = parse(chosen.options, values, f"options of export format {format}").model_dump().get("asset")
    if asset is None or "asset" not in values:
        asset = chosen.of
    keys = [key.strip() for key in scenes.split(",")] if scenes else store.scenes(asset)
    if not keys:
        raise MissingInput(
            f"nothing to export: no scene of tag {store.tag} under {settings.root} has {asset}; "
            "make some with: segassets run demo, or segassets make"
        )
    record = export_scenes(store, keys, format, out_dir, options=values, allow_stale=allow_stale)
    if as_json:
        print_json(record)
        return
    typer.echo(f"{record['files']} files of {len(keys)} scenes written to {out_dir.absolute()}")


def _list_formats() -> None:
    from segassets.exports.registry import FORMATS

    for name, item in FORMATS.items():
        typer.secho(name, bold=True, nl=False)
        typer.echo(f"  {item.description}")
        for key, field in item.options.model_fields.items():
            typer.echo(f"    {key}={field.get_default(call_default_factory=True)}  {field.description}")
