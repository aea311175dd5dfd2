"""`segassets convert videocutler | class-agnostic | attribute`: tubes as YTVIS and LV-VIS files have them."""

from __future__ import annotations

from pathlib import Path

import typer

from segassets.cli.show import print_json, print_table

_JSON = typer.Option(False, "--json", help="What was done, as JSON.")


def videocutler(
    mask_root: Path = typer.Option(..., help="Folder of the videos' mask pictures: <video>/mask_*.png."),
    out_json: Path = typer.Option(..., help="The YTVIS JSON to write."),
    img_root: Path | None = typer.Option(
        None,
        help="Folder of the frames: <video>/*.jpg; else the mask pictures stand for all frames there are.",
    ),
    img_exts: str = typer.Option("jpg,jpeg,png", help="Endings of the frames' files."),
    split_name: str = typer.Option("train", help="What the JSON calls its split."),
    category_id: int = typer.Option(1, min=1, help="Id of the one category."),
    mask_glob: str = typer.Option("mask_*.png", help="Names of the mask pictures."),
    mask_glob_fallback: str = typer.Option("*.png", help="Names, where none fit the first."),
    skip_list: Path | None = typer.Option(None, help="Videos to leave out, one a line; # begins a comment."),
    min_masks: int = typer.Option(3, min=0, help="Mask pictures below which a video is left out."),
    min_coverage: float = typer.Option(
        0.2, min=0, max=1, help="Share of the frames with a mask picture below which a video is left out."
    ),
    skip_report: Path | None = typer.Option(
        None, help="Where the videos left out are named; else <out-json>.skipped.json."
    ),
    shared_ids: str = typer.Option(
        "auto", help="Ids that hold several instances: split, report, or auto (split those of colours)."
    ),
    absent_areas: str = typer.Option("zero", help="What areas hold where a tube is absent: zero or null."),
    strict: bool = typer.Option(False, "--strict", help="Stop at the first video that cannot be used."),
    error_on_empty: bool = typer.Option(False, "--error-on-empty", help="Fail when no video is left."),
    as_json: bool = _JSON,
) -> None:
    """Mask pictures as VideoCutLER leaves them to one JSON of pseudo tubes.

    Example:

        segassets convert videocutler --mask-root masks --img-root JPEGImages --out-json pseudo_tubes.json
    """
    from segassets.exports.convert.videocutler import VideocutlerOptions, videocutler_to_ytvis
    from segassets.exports.skips import read_skip_list
    from segassets.strict import parse

    options = parse(
        VideocutlerOptions,
        {
            "split_name": split_name,
            "img_exts": [ending.strip() for ending in img_exts.split(",") if ending.strip()],
            "category_id": category_id,
            "mask_glob": mask_glob,
            "mask_glob_fallback": mask_glob_fallback,
            "skip_list": read_skip_list(skip_list) if skip_list else [],
            "min_masks": min_masks,
            "min_coverage": min_coverage,
            "shared_ids": shared_ids,
            "absent_areas": absent_areas,
            "strict": strict,
            "error_on_empty": error_on_empty,
        },
        lambda path: f"--{(path or ('options',))[0].replace('_', '-')}",
    )
    result = videocutler_to_ytvis(mask_root, img_root, out_json, options, skip_report)
    if as_json:
        print_json(result)
        return
    rows = [("videos", str(result["videos"])), ("tubes", str(result["annotations"]))]
    rows += [(f"skipped: {reason}", str(count)) for reason, count in result["skipped"].items()]
    rows += [
        (f"{video}: id {item['id']}", f"{item['instances']} instances, {item['unclear']} frames unclear")
        for video, items in result["shared_ids"].items()
        for item in items
    ]
    rows += [(f"{video}: paired by", how) for video, how in result["not_by_number"].items()]
    print_table(("what", "number"), rows)


def class_agnostic(
    in_json: Path = typer.Option(..., help="A YTVIS or LV-VIS file."),
    out_json: Path = typer.Option(..., help="The JSON to write."),
    category_id: int = typer.Option(1, min=1, help="Id of the one category."),
    category_name: str = typer.Option("object", help="Its name."),
    as_json: bool = _JSON,
) -> None:
    """A YTVIS or LV-VIS file with all annotations of one category.

    Example:

        segassets convert class-agnostic --in-json lvvis_val.json --out-json lvvis_val_agnostic.json
    """
    from segassets.exports.convert import ytvis_categories

    _tell(ytvis_categories.class_agnostic(in_json, out_json, category_id, category_name), as_json)


def attribute(
    in_json: Path = typer.Option(..., help="A file of tubes."),
    attribution: Path = typer.Option(
        ..., help='{"annotation id": category id}, or a list of {id, category_id, score}.'
    ),
    categories: Path = typer.Option(..., help="A YTVIS or LV-VIS file that has the categories."),
    out_json: Path = typer.Option(..., help="The JSON to write."),
    without: str = typer.Option("drop", help="Tubes without an attribution: drop or refuse."),
    as_json: bool = _JSON,
) -> None:
    """Tubes given the categories that an attribution names.

    Example:

        segassets convert attribute --in-json tubes.json --attribution a.json --categories val.json --out-json b.json
    """
    from segassets.exports.convert import ytvis_categories

    if without not in ("drop", "refuse"):
        raise typer.BadParameter(f"expected drop or refuse, found {without!r}", param_hint="--without")
    _tell(ytvis_categories.attribute(in_json, attribution, out_json, categories, without=without), as_json)  # type: ignore[arg-type]


def _tell(result: dict, as_json: bool) -> None:
    if as_json:
        print_json(result)
    else:
        print_table(("what", "number"), [(name, str(value)) for name, value in result.items()])
