"""`segassets history`: the runs there were under one output root."""

from __future__ import annotations

import typer

from segassets.cli.show import print_json, print_table


def history(
    last: int = typer.Option(20, "--last", "-n", min=1, help="How many of the latest runs."),
    tag: str | None = typer.Option(None, help="Only runs of this experiment tag."),
    output_root: str | None = typer.Option(None, help="Where results lie; else SEGASSETS_OUTPUT_ROOT."),
    as_json: bool = typer.Option(False, "--json", help="All that was recorded, as JSON."),
) -> None:
    """The runs there were: when, what, how long, how it ended.

    Examples:

        segassets history -n 5

        segassets history --tag night --json
    """
    from segassets.config.load import load_settings
    from segassets.config.records import records_dir
    from segassets.runtime import history as run_history
    from segassets.runtime.records import FOLDER, HISTORY
    from segassets.runtime.timings import duration_text

    settings = load_settings(options={"output_root": output_root})
    path = records_dir(settings) / FOLDER / HISTORY
    records = [record for record in run_history.read(path) if tag in (None, record.get("tag"))][-last:]
    if as_json:
        print_json(records)
        return
    columns = ("started", "name", "tag", "status", "scenes", "took", "record")
    rows = [
        (
            record.get("started_at"),
            record.get("name"),
            record.get("tag"),
            record.get("status"),
            len(record.get("scenes") or ()),
            duration_text(record.get("duration_s") or 0),
            record.get("run_dir"),
        )
        for record in records
    ]
    if not rows:
        typer.echo(f"no runs recorded in {path}")
        return
    print_table(columns, rows)
