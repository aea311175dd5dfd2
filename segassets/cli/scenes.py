"""`segassets scenes`: which scenes there are, and keeping Dagster's partitions in step with them."""

from __future__ import annotations

import typer

from segassets.cli.show import print_json, print_table

app = typer.Typer(
    no_args_is_help=True, help="Scenes: list them, register them with Dagster, add footage of your own."
)

_DATASET = typer.Option(None, "--dataset", "-d", help="Only this dataset; may be given several times.")
_JSON = typer.Option(False, "--json", help="As JSON.")


@app.command("list")
def list_(datasets: list[str] = _DATASET, as_json: bool = _JSON) -> None:
    """Scenes of the configured datasets, and whether Dagster knows them.

    Examples:

        segassets scenes list

        segassets scenes list -d davis16_dev --json
    """
    from segassets.cli.home import open_instance
    from segassets.datasets.load import list_scenes
    from segassets.orchestration.partitions import registered_scenes

    listing = list_scenes(datasets or None)
    with open_instance() as instance:
        known = set(registered_scenes(instance))
    rows = [(name, key, key in known) for name, keys in listing.by_dataset.items() for key in keys]
    gone = sorted(known - {key for _, key, _ in rows}) if not datasets else []
    if as_json:
        scenes = [{"dataset": name, "scene": key, "registered": there} for name, key, there in rows]
        print_json({"scenes": scenes, "registered_without_footage": gone, "problems": listing.problems})
        return
    print_table(("dataset", "scene", "registered"), rows)
    _tell_problems(listing.problems)
    if gone:
        typer.echo(f"registered, but in no dataset any more: {', '.join(gone)}", err=True)
    if not all(there for *_, there in rows):
        typer.echo("register the others with: segassets scenes sync")


@app.command()
def sync(datasets: list[str] = _DATASET, as_json: bool = _JSON) -> None:
    """Make every scene of the configured datasets a partition in Dagster; registering twice changes nothing.

    Examples:

        export DAGSTER_HOME=$PWD/.segassets/home

        segassets scenes sync
    """
    from segassets.cli.home import dagster_home, open_instance
    from segassets.datasets.load import list_scenes
    from segassets.orchestration.partitions import register_scenes, registered_scenes

    listing = list_scenes(datasets or None)
    with open_instance() as instance:
        new = register_scenes(instance, listing.keys).added
        total = len(registered_scenes(instance))
    if as_json:
        print_json({"registered": new, "total": total, "problems": listing.problems})
        return
    _tell_problems(listing.problems)
    typer.echo(f"{len(new)} new scenes registered, {total} in all, in {dagster_home()}")


@app.command()
def add(
    path: str = typer.Argument(..., help="A folder of pictures, a video, a dataset's root; local or a URL."),
    name: str | None = typer.Option(None, help="Name of the dataset; else from the path."),
    frames: str | None = typer.Option(None, help="Frame selection start:end:step of its scenes."),
    as_json: bool = _JSON,
) -> None:
    """Make footage of your own a dataset: its layout is recognised, a YAML written, its scenes registered.

    Examples:

        segassets scenes add ~/footage/kitchen.mp4 --frames ::5

        segassets scenes add /data/DAVIS --name davis
    """
    from segassets.cli.home import open_instance
    from segassets.datasets.config import DatasetConfig, load_dataset, write_dataset_config
    from segassets.datasets.load import dataset_keys
    from segassets.datasets.recognise import dataset_for_path
    from segassets.orchestration.partitions import register_scenes
    from segassets.strict import parse

    found = dataset_for_path(path).model_dump(exclude_unset=True)
    wanted = {key: value for key, value in (("name", name), ("frames", frames)) if value is not None}
    config = parse(DatasetConfig, {**found, **wanted}, "segassets scenes add")
    dataset_keys(config)  # what cannot be listed is not written down
    written = write_dataset_config(config)
    keys = dataset_keys(load_dataset(written))
    with open_instance() as instance:
        register_scenes(instance, keys)
    if as_json:
        print_json({"dataset": config.name, "layout": config.layout, "config": str(written), "scenes": keys})
        return
    typer.echo(f"dataset {config.name} ({config.layout}, {len(keys)} scenes) written to {written}")
    typer.echo(f"run it with: segassets run default datasets={config.name} --dry-run")


def _tell_problems(problems: dict[str, str]) -> None:
    for name, why in problems.items():
        typer.secho(f"dataset {name} left out: {why}", fg="yellow", err=True)
