"""`segassets convert`: annotation files of others to annotation files others read; needs no scenes and no store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from segassets.cli import convert_tubes
from segassets.cli.show import print_json, print_table

app = typer.Typer(
    no_args_is_help=True,
    help="Annotation files of others to what their readers expect: COCO-video, SA-1B, YTVIS, run lengths.",
)
app.command()(convert_tubes.videocutler)
app.command("class-agnostic")(convert_tubes.class_agnostic)
app.command()(convert_tubes.attribute)

_JSON = typer.Option(False, "--json", help="What was done, as JSON.")
_IMAGE_ROOT = typer.Option(
    None, "--image-root", help="Folder of the pictures where they will be read; else where they lie."
)
_UNLABELLED = typer.Option("skip", help="Frames nobody annotated: skip (counted) or keep, as empty.")
_STRIDE = typer.Option(1, "--keyframe-stride", min=1, help="is_det_keyframe on every n-th frame.")


@app.command()
def endovis(
    input_dir: Path = typer.Option(
        ..., help="Folder with {train,val}/{images,annotations} or seq_N/left_frames."
    ),
    output_file: Path = typer.Option(..., help="The JSON to write."),
    image_root: str | None = _IMAGE_ROOT,
    split: str | None = typer.Option(None, help="train, val or test; else all of them in one file."),
    labels: Path | None = typer.Option(None, help="labels.json; else the one in the folder."),
    value_offset: int | None = typer.Option(
        None, help="Added to a class id to give its value in gray labels."
    ),
    keep_background: bool = typer.Option(
        False, "--keep-background", help="A category of the background class."
    ),
    ignore: list[int] = typer.Option(
        [], help="A value of the labels to leave out; may be given several times."
    ),
    keyframe_stride: int = _STRIDE,
    as_json: bool = _JSON,
) -> None:
    """EndoVis label pictures to one COCO-video JSON.

    Examples:

        segassets convert endovis --input-dir EndoVis18 --output-file train.json --split train

        segassets convert endovis --input-dir types --output-file all.json --value-offset 1 --image-root /data
    """
    from segassets.exports.convert.coco_video import CocoVideoOptions
    from segassets.exports.convert.endovis import EndovisLabels, endovis_to_coco_video

    result = endovis_to_coco_video(
        input_dir,
        output_file,
        _options(CocoVideoOptions, image_root=image_root, keyframe_stride=keyframe_stride),
        EndovisLabels(labels, value_offset, keep_background, tuple(ignore)),
        split,
    )
    _tell_coco_video(result, output_file, as_json)


@app.command("coco-video")
def coco_video(
    dataset: str = typer.Argument(..., help="A dataset of configs/datasets/, or its YAML file."),
    output_file: Path = typer.Option(..., help="The JSON to write."),
    scenes: str | None = typer.Option(None, help="Scene keys, by comma; else all of the dataset."),
    masks: str = typer.Option(
        "category", help="category: one mask per picture and category; instance: per object."
    ),
    level: int = typer.Option(2, help="2 objects, 4 their parts."),
    image_root: str | None = _IMAGE_ROOT,
    unlabelled: str = _UNLABELLED,
    keyframe_stride: int = _STRIDE,
    as_json: bool = _JSON,
) -> None:
    """The annotations of a dataset (CholecSeg8k, EndoVis, any layout) to one COCO-video JSON.

    Example:

        segassets convert coco-video cholecseg8k --output-file cholec.json
    """
    from segassets.datasets.config import load_dataset
    from segassets.datasets.load import dataset_keys, open_scene_of
    from segassets.exports.convert.coco_video import CocoVideoOptions, scenes_to_coco_video

    config = load_dataset(dataset)
    keys = [key.strip() for key in scenes.split(",")] if scenes else dataset_keys(config)
    options = _options(
        CocoVideoOptions,
        masks=masks,
        level=level,
        image_root=image_root,
        unlabelled=unlabelled,
        keyframe_stride=keyframe_stride,
    )
    result = scenes_to_coco_video((open_scene_of(config, key) for key in keys), output_file, options)
    _tell_coco_video(result, output_file, as_json)


@app.command()
def sa1b(
    input_dir: Path = typer.Option(
        ..., help="Folder with train, valid and test, or with one annotations file."
    ),
    output_dir: Path = typer.Option(..., help="A new folder, or what this command wrote before, replaced."),
    annotations: str = typer.Option("_annotations.coco.json", help="Name of the COCO file in each folder."),
    fractions: str | None = typer.Option(
        None, help="Divide one folder, e.g. 0.8,0.1,0.1 (train, valid, test)."
    ),
    seed: int = typer.Option(0, help="Seed of that division."),
    names: str = typer.Option("stem", help="stem: <stem>_<number>; sa: sa_<number>."),
    pictures: str = typer.Option("auto", help="auto (hard link, else symbolic), hardlink, symlink or copy."),
    others: str = typer.Option("jpeg", help="Pictures that are not JPEG: jpeg (written as JPEG) or refuse."),
    empty: str = typer.Option("skip", help="Pictures without masks: skip (counted) or keep."),
    as_json: bool = _JSON,
) -> None:
    """COCO image sets (Roboflow's export) to SA-1B: a JSON beside each picture, as sam2's training reads it.

    Examples:

        segassets convert sa1b --input-dir floorplans.coco --output-dir floorplans.sa1b

        segassets convert sa1b --input-dir one --output-dir out --fractions 0.8,0.1,0.1 --pictures symlink
    """
    from segassets.exports.convert.sa1b import Sa1bOptions, coco_to_sa1b

    shares = None if fractions is None else [part.strip() for part in fractions.split(",")]
    options = _options(
        Sa1bOptions,
        annotations=annotations,
        fractions=shares,
        seed=seed,
        names=names,
        pictures=pictures,
        others=others,
        empty=empty,
    )
    record = coco_to_sa1b(input_dir, output_dir, options)
    if as_json:
        print_json(record)
        return
    rows = [
        (
            name,
            split["images"],
            split["annotations"],
            len(split["left_out"]),
            split["empty_masks"],
            ", ".join(f"{how} {count}" for how, count in split["pictures"].items()),
        )
        for name, split in record["splits"].items()
    ]
    print_table(("split", "pictures", "masks", "without masks", "masks without a pixel", "how"), rows)
    typer.echo(f"written to {output_dir.absolute()}; which picture became which: convert.json")


@app.command()
def opening(
    input_json: Path = typer.Option(..., help="A COCO or COCO-video file; run lengths or polygons."),
    output_json: Path = typer.Option(..., help="The file to write."),
    kernel_size: int = typer.Option(3, help="Side of the square, in pixels."),
    as_json: bool = _JSON,
) -> None:
    """Remove specks and thin bridges from masks (morphological opening); emptied masks are dropped and counted.

    Example:

        segassets convert opening --input-json train.json --output-json opened.json --kernel-size 3
    """
    from segassets.exports.convert.opening import open_masks

    result = open_masks(input_json, output_json, kernel_size)
    if as_json:
        print_json(vars(result))
        return
    dropped = ", ".join(f"{name} {count}" for name, count in result.dropped_by_category.items())
    typer.echo(
        f"{result.kept} masks kept ({result.changed} lost pixels), {result.dropped} dropped"
        f"{f' ({dropped})' if dropped else ''}, {result.images_emptied} pictures left without any; {output_json}"
    )


@app.command("labels-to-rle")
def labels_to_rle(
    source: Path = typer.Option(
        ..., "--input", help="A label picture (palette or gray), or a folder of them."
    ),
    target: Path = typer.Option(..., "--output", help="The JSON, or a folder of them."),
    as_json: bool = _JSON,
) -> None:
    """Label pictures to multi-class run lengths: {"size": [h, w], "values": [...], "counts": [...]}.

    Example:

        segassets convert labels-to-rle --input masks --output runs
    """
    from segassets.exports.convert.label_runs import labels_to_runs

    _tell_runs(labels_to_runs(source, target), target, as_json)


@app.command("rle-to-labels")
def rle_to_labels(
    source: Path = typer.Option(..., "--input", help="A JSON of runs, or a folder of them."),
    target: Path = typer.Option(..., "--output", help="The PNG, or a folder of them."),
    palette: bool = typer.Option(
        False, "--palette", help="Palette PNGs (DAVIS colours) instead of gray ones."
    ),
    as_json: bool = _JSON,
) -> None:
    """Multi-class run lengths to label pictures; runs that do not fit together are refused.

    Example:

        segassets convert rle-to-labels --input runs --output masks --palette
    """
    from segassets.exports.convert.label_runs import runs_to_labels

    _tell_runs(runs_to_labels(source, target, palette=palette), target, as_json)


def _options(model: type[Any], **values: Any) -> Any:
    """The options of a converter; a wrong one is named as on the command line."""
    from segassets.strict import parse

    return parse(model, values, lambda path: f"--{(path or ('options',))[0].replace('_', '-')}")


def _tell_coco_video(result: dict[str, Any], output_file: Path, as_json: bool) -> None:
    if as_json:
        print_json(result)
        return
    print_table(("category", "masks"), [item for item in result["by_category"].items() if item[1]])
    if empty := [name for name, count in result["by_category"].items() if not count]:
        typer.echo(f"categories without masks: {', '.join(empty)}")
    left_out = "".join(f", {count} times {reason}" for reason, count in result["left_out"].items())
    typer.echo(
        f"{result['videos']} videos, {result['images']} pictures ({result['images_without_annotations']} without "
        f"masks), {result['annotations']} masks; left out: {result['unlabelled']} unlabelled frames{left_out}; "
        f"{output_file}"
    )


def _tell_runs(result: Any, target: Path, as_json: bool) -> None:
    if as_json:
        print_json(vars(result))
        return
    typer.echo(f"{result.files} files, {result.runs} runs, values {result.values[:20]}; {target}")
