"""`segassets query`: a scene asked in words."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from segassets.cli.show import print_json, print_table

if TYPE_CHECKING:
    from segassets.api import SceneResults
    from segassets.lifting.ask import Answer
    from segassets.storage.store import ArtifactStore


def query(
    scene: str = typer.Argument(..., help="Scene key; or its end, where no other scene ends so."),
    question: str = typer.Argument(..., help='In words, e.g. "the red sphere left of the table".'),
    top: int | None = typer.Option(None, min=1, max=50, help="Instances listed; else query.top."),
    picture: Path | None = typer.Option(
        None, help="Where the picture goes; else .segassets/answers/<scene>/<question>.png."
    ),
    tag: str | None = typer.Option(None, help="Experiment tag; else SEGASSETS_TAG or main."),
    output_root: str | None = typer.Option(None, help="Where results lie; else SEGASSETS_OUTPUT_ROOT."),
    allow_stale: bool = typer.Option(False, "--allow-stale", help="Also where results no longer fit."),
    as_json: bool = typer.Option(False, "--json", help="As JSON."),
) -> None:
    """Which instances of a scene a question means: ranked, with scores, where they are, and a picture of them.

    Looks (shape, colour, pattern, kind) are judged by the embeddings, sizes and places by the 3D geometry as a viewer
    sees it.

    Examples:

        segassets query rooms_demo.room_0000 "the largest thing on the floor"

        segassets query room_0000 "the red sphere left of the table" --top 5 --json
    """
    import segassets
    from segassets.config import load_settings
    from segassets.storage.store import ArtifactStore

    settings = load_settings(options={"tag": tag, "output_root": output_root})
    store = ArtifactStore(settings.root, settings.tag)
    key = _key(store, scene)
    results = segassets.open(settings.root, settings.tag, allow_stale=allow_stale).scene(key)
    config = settings.query if top is None else settings.query.model_copy(update={"top": top})
    answer = results.query(question, config=config)
    place = _write_picture(answer, results, key, question, picture)
    if as_json:
        print_json(
            {
                "scene": key,
                "question": question,
                "answer": answer.records(),
                "notes": answer.notes,
                "picture": place,
            }
        )
        return
    _print(answer, place)


def _key(store: ArtifactStore, name: str) -> str:
    """The scene that is meant.

    Raises:
        MissingInput: no scene, or several, with instances.
    """
    from segassets.errors import MissingInput, did_you_mean

    known = store.scenes("scene_instances")
    fits = [key for key in known if key == name] or [key for key in known if key.endswith(f".{name}")]
    if len(fits) == 1:
        return fits[0]
    if len(fits) > 1:
        raise MissingInput(f"several scenes are called {name}: {', '.join(fits)}; give the whole key")
    raise MissingInput(
        f"no scene {name} with scene_instances under {store.root} (tag {store.tag}).{did_you_mean(name, known)} "
        "Make them with: segassets run ..."
    )


def _write_picture(
    answer: Answer, results: SceneResults, key: str, question: str, picture: Path | None
) -> str | None:
    from segassets.media.pictures import write_png

    sheet = results.picture_of(answer)
    if sheet is None:
        return None
    slug = re.sub(r"[^a-z0-9]+", "-", question.lower()).strip("-")[:60] or "question"
    place = picture or Path(".segassets", "answers", key, f"{slug}.png")
    place.parent.mkdir(parents=True, exist_ok=True)
    write_png(place, sheet)
    return str(place.absolute())


def _print(answer: Answer, place: str | None) -> None:
    rows = []
    for item in answer.records():
        where = "-" if item["center"] is None else " ".join(f"{value:.2f}" for value in item["center"])
        size = "-" if item["size"] is None else " x ".join(f"{value:.2f}" for value in item["size"])
        box = " ".join(f"{value:.0f}" for value in item["best_bbox_xywh"])
        parts = ", ".join(f"{name} {value:.2f}" for name, value in item["parts"].items())
        rows.append(
            (
                item["rank"],
                item["instance_id"],
                item["score"],
                item["relevancy"],
                where,
                size,
                item["best_frame"],
                box,
                parts,
            )
        )
    columns = (
        "rank",
        "instance",
        "score",
        "relevancy",
        "centre x y z",
        "box size",
        "frame",
        "box x y w h",
        "parts",
    )
    print_table(columns, rows)
    for note in answer.notes:
        typer.echo(f"note: {note}", err=True)
    if place is not None:
        typer.echo(f"picture  {place}")
