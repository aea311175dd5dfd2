"""`segassets settings`: every setting, its value and where that comes from."""

from __future__ import annotations

import typer

from segassets.cli.show import print_json, print_table


def settings(
    config: str | None = typer.Argument(None, help="A run configuration; else defaults and environment."),
    overrides: list[str] = typer.Argument(None, metavar="[KEY.PATH=VALUE]...", help="As for segassets run."),
    changed: bool = typer.Option(False, "--changed", help="Only those that are not at their default."),
    as_markdown: bool = typer.Option(False, "--markdown", help="The table of docs/configuration.md."),
    as_json: bool = typer.Option(False, "--json", help="As JSON."),
) -> None:
    """Every setting a run has: value, where it was set (YAML, environment, command line), meaning.

    Examples:

        segassets settings

        segassets settings multiscan --changed

        SEGASSETS_LEVELS=2,4 segassets settings demo min_area=50
    """
    from segassets.config.listing import all_settings, markdown, text, value_at
    from segassets.config.load import load_layers, settings_of, source_of

    if as_markdown:
        typer.echo(markdown())
        return
    layers = load_layers(config, overrides or ())
    values = settings_of(layers)
    rows = []
    for item in all_settings():
        source = source_of(layers, item.path)
        if source is not None or not changed:
            rows.append((item.name, text(value_at(values, item.path)), source or "default", item.description))
    if as_json:
        print_json([dict(zip(("name", "value", "source", "meaning"), row, strict=True)) for row in rows])
        return
    print_table(("setting", "value", "from", "meaning"), rows, limit=1000)
