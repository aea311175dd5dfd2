"""`segassets models`: which networks there are, their weights, how good one is beside its trivial baselines."""

from __future__ import annotations

from typing import Any

import typer

from segassets.cli.show import format_value, print_json, print_table, size_text

app = typer.Typer(no_args_is_help=True, help="Models: list them, get their weights, measure one.")

_JSON = typer.Option(False, "--json", help="As JSON.")


@app.command("list")
def list_(as_json: bool = _JSON) -> None:
    """Models of configs/models/: what they are, where their weights come from, whether those are here.

    Example:

        segassets models list
    """
    from segassets.models.registry import list_models, load_spec, weights_state

    rows = []
    for spec in sorted((load_spec(name) for name in list_models()), key=lambda spec: spec.family != "sam2"):
        rows.append(
            {
                "name": spec.name,
                "family": spec.family,
                "source": spec.source.kind,
                "weights": weights_state(spec),
                "image_size": spec.image_size,
                "licence": spec.licence,
                "description": spec.description,
            }
        )
    if as_json:
        print_json(rows)
        return
    columns = ("name", "family", "source", "weights", "image_size", "licence", "description")
    absent = [row for row in rows if row["weights"] not in ("here", "download")]
    shown = [{**row, "weights": "missing"} if row in absent else row for row in rows]
    print_table(columns, [[row[column] for column in columns] for row in shown])
    for row in absent:
        typer.echo(f"{row['weights']}")


@app.command()
def fetch(
    names: list[str] = typer.Argument(..., metavar="NAME...", help="Models of configs/models/."),
    sha256: str | None = typer.Option(None, help="What the file must have, where the config gives none."),
    force: bool = typer.Option(False, "--force", help="Download again what is here."),
    as_json: bool = _JSON,
) -> None:
    """Download weights and check their SHA-256; a download that broke off goes on where it stopped.

    The checksum is the config's, else the hub's, else the one the file has when it is first seen: recorded beside the
    file, which is held to it whenever it is used.

    Examples:

        segassets models fetch sam2.1-hiera-tiny

        segassets models fetch my-model --sha256 7402e0d8...
    """
    from segassets.models.checksums import file_sha256
    from segassets.models.registry import load_spec
    from segassets.models.sources import checked_against, with_sha256
    from segassets.models.weights import fetch_weights

    specs = [load_spec(name) for name in names]
    if sha256 is not None:
        specs = [with_sha256(spec, sha256) for spec in specs]
    rows = []
    for spec in specs:
        path = fetch_weights(spec, force=force)
        against = checked_against(spec, path)
        rows.append((spec.name, str(path), path.stat().st_size, file_sha256(path), against))
    if as_json:
        names_of = ("name", "path", "bytes", "sha256", "checked_against")
        print_json([dict(zip(names_of, row, strict=True)) for row in rows])
        return
    for name, where, size, digest, against in rows:
        typer.echo(f"{name}  {size_text(size)}  {where}\n  SHA-256 {digest}, checked against {against}")


@app.command()
def evaluate(
    name: str = typer.Argument(..., help="A model of configs/models/."),
    dataset: str = typer.Option(
        "rooms_eval", "--dataset", "-d", help="A dataset with true masks, depth or captions."
    ),
    device: str | None = typer.Option(None, help="auto, cpu, cuda or cuda:<i>; else the model's own."),
    scenes: int | None = typer.Option(None, "--scenes", min=1, help="Only the first so many scenes."),
    as_json: bool = typer.Option(False, "--json", help="As JSON."),
) -> None:
    """Measure a model on scenes that know better; beside each figure stands its trivial baseline.

    sam2, on scenes with true masks. iou_point, iou_box: masks from one click and from a box, beside the filled box and
    the ellipse in it. j_track: objects followed from their first mask, beside that mask kept. candidate_recall: true
    objects and parts found among the candidates.

    depth, on scenes with measured depth. abs_rel as it is, with the scale fitted, with scale and shift; delta_1: share
    within a factor of 1.25; beside a map of one depth.

    embedding, on scenes whose objects have captions. top1: the object a caption is about comes first in its scene,
    beside chance and a histogram of colours.

    Examples:

        segassets models evaluate nano --dataset rooms_eval --json

        segassets models evaluate nano-depth -d hololens_rgbd
    """
    from segassets.evaluation.depth_models import evaluate_depth
    from segassets.evaluation.embedding_models import evaluate_embedder
    from segassets.evaluation.models import evaluate_model
    from segassets.models.registry import load_spec
    from segassets.orchestration.gpu import gpu_slot

    spec = load_spec(name)
    with gpu_slot(device or spec.device) as chosen:
        if spec.family == "depth":
            result = evaluate_depth(spec, dataset, device=chosen, max_scenes=scenes)
        elif spec.family == "embedding":
            result = evaluate_embedder(spec, dataset, device=chosen, max_scenes=scenes)
        else:
            result = evaluate_model(name, dataset, device=chosen, max_scenes=scenes)
    if as_json:
        print_json(result)
        return
    _print_figures(result)


def _print_figures(result: dict[str, Any]) -> None:
    """Figures with their baselines beside them; the rest as a line."""
    figures = {name: dict(item) for name, item in result.items() if isinstance(item, dict)}
    facts = [f"{name} {format_value(item)}" for name, item in result.items() if name not in figures]
    rows = []
    for name, item in figures.items():
        value = item.pop("value", None)
        rows.append(
            (name, value, ", ".join(f"{other} {format_value(figure)}" for other, figure in item.items()))
        )
    print_table(("figure", "value", "beside it"), rows)
    typer.echo(", ".join(facts))
