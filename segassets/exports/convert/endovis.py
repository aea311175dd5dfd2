"""EndoVis folders with a `labels.json` to COCO-video.

Found as SAM2 Video Training lays them out, `{train,val}/{images,annotations}/seq_N_frameNNN.png`, and as EndoVis 2018
comes, `seq_N/left_frames/frameNNN.png` beside `seq_N/labels`. Label pictures hold class ids, or the colours of
`labels.json` ([{name, classid, color}]). Any other layout: describe it as a dataset and use `scenes_to_coco_video`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segassets.datasets.config import DatasetConfig
from segassets.datasets.layouts import make_layout
from segassets.datasets.scene import Scene
from segassets.errors import BadConfig, BadInput, MissingInput, did_you_mean
from segassets.exports.convert.coco_video import CocoVideoOptions, scenes_to_coco_video
from segassets.media.pictures import label_mode

_FLAT = ("images/{scene}_frame{frame}.png", "annotations/{scene}_frame{frame}.png")
_NESTED = ("{scene}/left_frames/frame{frame}.png", "{scene}/labels/frame{frame}.png")
_SPLITS = ("train", "val", "valid", "test")


@dataclass(frozen=True)
class EndovisLabels:
    """How the label pictures are read.

    Attributes:
        file: `labels.json`; found in the input folder or a split when not given.
        value_offset: what is added to a class id to give its value in gray label pictures.
        keep_background: make a category of the class whose name begins with "background".
        ignored: values to leave out.
    """

    file: Path | None = None
    value_offset: int | None = None
    keep_background: bool = False
    ignored: tuple[int, ...] = ()


def endovis_to_coco_video(
    input_dir: Path,
    output_file: Path,
    options: CocoVideoOptions | None = None,
    labels: EndovisLabels | None = None,
    split: str | None = None,
) -> dict[str, Any]:
    """Write one COCO-video file of a split, or of all; see `scenes_to_coco_video` for what is returned.

    Raises:
        MissingInput: no pictures, label pictures or labels.json; names what was looked for.
        BadInput: a label picture of another size or with an unknown value, or labels.json is not what it should be.
        BadConfig: there is no such split.
    """
    folder = input_dir.expanduser().absolute()
    labels = labels or EndovisLabels()
    scenes: list[Scene] = []
    for part, patterns in _parts(folder, split):
        scenes += _scenes(part, patterns, _table(folder, part, patterns[1], labels))
    return scenes_to_coco_video(scenes, output_file, options, base=str(folder))


def _parts(folder: Path, split: str | None) -> list[tuple[Path, tuple[str, str]]]:
    """Folders with pictures and label pictures, and the patterns of their names."""
    if not folder.is_dir():
        raise MissingInput(
            f"expected a folder at {folder}, found {'a file' if folder.exists() else 'nothing'}"
        )
    splits = [name for name in _SPLITS if (folder / name).is_dir()]
    if split is not None and split not in splits:
        raise BadConfig(f"split: there is no {folder / split}.{did_you_mean(split, splits)}")
    chosen = [folder / name for name in ([split] if split else splits)] or [folder]
    found = []
    for part in chosen:
        if (part / "images").is_dir() and (part / "annotations").is_dir():
            found.append((part, _FLAT))
        elif any(part.glob("*/left_frames")):
            found.append((part, _NESTED))
        else:
            raise MissingInput(
                f"expected images/ and annotations/ with seq_N_frameNNN.png, or seq_N/left_frames and seq_N/labels, in "
                f"{part}; found {', '.join(sorted(item.name for item in part.iterdir())[:8]) or 'nothing'}"
            )
    return found


def _scenes(part: Path, patterns: tuple[str, str], table: dict[str, Any]) -> list[Scene]:
    pictures, label_pictures = patterns
    config = DatasetConfig(
        name="endovis",
        layout="class_maps",
        root=str(part),
        follow_links=True,
        options={"pictures": pictures, "labels": label_pictures, "table": table, "frame_step": None},
    )
    layout = make_layout(config)
    return [layout.load(name) for name in layout.scene_names()]


def _table(folder: Path, part: Path, pattern: str, labels: EndovisLabels) -> dict[str, Any]:
    """The label table (see segassets.datasets.label_table) of labels.json, for values or for colours."""
    path = _labels_json(folder, part, labels.file)
    entries = _entries(path)
    first = next(iter(sorted(part.glob(pattern.replace("{scene}", "*").replace("{frame}", "*")))), None)
    if first is None:
        raise MissingInput(f"expected label pictures named like {pattern} in {part}, found none")
    in_colour = label_mode(first) not in ("P", "L", "1", "I", "I;16") and all(
        "color" in item for item in entries
    )
    offset = 0 if in_colour else _offset(entries, labels, path)
    classes, background = [], []
    for item in entries:
        value = item["color"] if in_colour else item["classid"] + offset
        if _is_background(item) and not labels.keep_background:
            background.append(value)
        else:
            classes.append({"id": item["classid"], "name": item["name"], "values": [value]})
    taken = [value for item in classes for value in item["values"]] + background
    nothing = [0, 0, 0] if in_colour else 0
    if nothing not in taken and nothing not in labels.ignored:
        background.append(nothing)
    ignored = {"given": [value for value in labels.ignored if value not in taken]}
    return {"classes": classes, "background": background, "ignored": {} if in_colour else ignored}


def _labels_json(folder: Path, part: Path, given: Path | None) -> Path:
    places = [given.expanduser()] if given else [part / "labels.json", folder / "labels.json"]
    places += [] if given else [folder.parent / "labels.json"]
    for path in places:
        if path.is_file():
            return path
    raise MissingInput(
        f"expected a labels.json at {' or '.join(map(str, dict.fromkeys(places)))}; name it: --labels"
    )


def _entries(path: Path) -> list[dict[str, Any]]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise BadInput(f"{path}: expected JSON, found an error: {error}; is the file complete?") from error
    for number, item in enumerate(found if isinstance(found, list) else [found]):
        sound = (
            isinstance(item, dict) and isinstance(item.get("name"), str) and type(item.get("classid")) is int
        )
        if not sound or item["classid"] < 0:
            raise BadInput(f"{path}: expected a list of {{name, classid, ...}}, found {item!r} at {number}")
    if not isinstance(found, list) or not found:
        raise BadInput(f"{path}: expected a list of {{name, classid, ...}}, found {str(found)[:60]}")
    return found


def _offset(entries: Sequence[dict[str, Any]], labels: EndovisLabels, path: Path) -> int:
    """What to add to class ids; a class 0 that is no background is not guessed about."""
    if labels.value_offset is not None:
        return labels.value_offset
    first = next((item for item in entries if item["classid"] == 0), None)
    if first is not None and not _is_background(first):
        raise BadInput(
            f"{path}: class 0 is '{first['name']}', but 0 in a label picture is mostly the background; say which "
            "values the classes have: --value-offset 1 (class 0 has the value 1) or --value-offset 0"
        )
    return 0


def _is_background(item: dict[str, Any]) -> bool:
    return item["name"].lower().startswith("background")
