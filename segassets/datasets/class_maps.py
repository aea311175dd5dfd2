"""Layout `class_maps`: frames and pictures of classes, found by patterns of their names, read by a label table.

CholecSeg8k, EndoVis 2017 and 2018 and their like. A class is one object of its scene (one track), unless the
labels come in a folder per object (`{class}` in the pattern): then each folder is an object, and may have parts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pydantic import Field

from segassets.datasets.class_rows import class_rows, object_rows
from segassets.datasets.files import Root
from segassets.datasets.footage import check_numbers, picture_records
from segassets.datasets.label_table import LabelTable, load_label_table, text_of
from segassets.datasets.layouts import Layout
from segassets.datasets.name_patterns import FRAME, check_pattern, find, placeholders
from segassets.datasets.scene import AnnotationReader, FrameRecord, Scene
from segassets.errors import BadConfig, BadInput
from segassets.strict import StrictModel

CLASS = "class"


class ClassMapsOptions(StrictModel):
    """Options of the layout of class maps."""

    pictures: str = Field(
        description="Pattern of the pictures' names: `{scene}/left_frames/frame{frame}.png`. `{scene}` names the "
        "scene, `{frame}` is a number, any other placeholder stands for a part of the name."
    )
    labels: str | None = Field(
        None,
        description="Pattern of the label pictures, in the same words; `{class}` is the name of an object's "
        "folder. Empty for footage without labels.",
    )
    table: str | LabelTable | None = Field(
        None, description="Label table: a name in configs/labels/, a YAML file, or the table itself."
    )
    parts: bool = Field(False, description="Masks of the parts too, where each object has a folder of maps.")
    frame_step: int | None = Field(
        1, ge=1, description="From one frame's number to the next; a gap is refused. Empty allows gaps."
    )
    missing_labels: Literal["refuse", "unannotated"] = Field(
        "refuse", description="Frames without a label picture: an error, or frames that are not annotated."
    )


@dataclass
class _Source:
    """One scene's files: the texts of its placeholders, and its pictures by frame number."""

    bound: dict[str, str]
    pictures: dict[int, str] = field(default_factory=dict)


class ClassMapsLayout(Layout[ClassMapsOptions]):
    """A scene per text of `{scene}`, frames in order of their numbers."""

    options_type = ClassMapsOptions
    requires_categories = True
    _listed: dict[str, _Source] | None = None

    def scene_names(self) -> list[str]:
        return list(self._sources(self.root()))

    def _sources(self, root: Root) -> dict[str, _Source]:
        if self._listed is None:
            self._listed = self._list(root)
        return self._listed

    def _list(self, root: Root) -> dict[str, _Source]:
        options = self.options_of()
        check_pattern(options.pictures, ("scene", FRAME), None, "pictures")
        found: dict[tuple, _Source] = {}
        for bound, name in find(root, options.pictures):
            number = int(bound.pop(FRAME))
            source = found.setdefault(tuple(bound.items()), _Source(bound))
            _add(source.pictures, number, name, f"dataset {self.config.name!r}")
        if not found:
            raise BadInput(
                f"dataset {self.config.name!r}: expected pictures named like {options.pictures!r} in {root.url}, "
                "found none; correct `root` or the option `pictures`"
            )
        self._check_distinct(found)
        named = self.scene_names_for([source.bound["scene"] for source in found.values()])
        return dict(zip(named, found.values(), strict=True))

    def _check_distinct(self, found: Mapping[tuple, _Source]) -> None:
        seen: dict[str, _Source] = {}
        for source in found.values():
            other = seen.setdefault(source.bound["scene"], source)
            if other is not source:
                one, two = (next(iter(item.pictures.values())) for item in (other, source))
                raise BadInput(
                    f"dataset {self.config.name!r}: {one} and {two} are both of scene {source.bound['scene']!r}, in "
                    "different places; make two datasets of them, or let {scene} stand for what differs"
                )

    def load(self, name: str) -> Scene:
        root = self.root()
        source = self.pick(name, self._sources(root))
        options = self.options_of(name)
        key = self.config.key_of(name)
        numbers = sorted(source.pictures)
        check_numbers(key, source.pictures, options.frame_step)
        source_frames, chosen = self.select(name, numbers)
        frames = picture_records(key, root, source_frames, [source.pictures[number] for number in chosen])
        table = _table(options, self.config.name)
        labels = _labels(root, key, options, source) if options.labels is not None else {}
        used = _of_frames(key, labels, chosen, options, source)
        for frame in {at for maps in used.values() for at in maps}:
            frames[frame].annotated = True
        return Scene(
            key=key,
            dataset=self.config.name,
            name=name,
            root=root.location(),
            frames=frames,
            frames_total=len(numbers),
            categories=table.names(parts=options.parts) if table is not None else {},
            annotations=None if table is None else _reader(root, frames, table, used, options),
            inputs=[label for maps in used.values() for label in maps.values()],
            depends_on=text_of(table) + str(options.parts) if table is not None else "",
            extras={"placeholders": source.bound},
        )


def _add(files: dict[int, str], number: int, name: str, where: str) -> None:
    if number in files:
        raise BadInput(
            f"{where}: {files[number]} and {name} are both frame {number}; make the pattern tell them apart"
        )
    files[number] = name


def _table(options: ClassMapsOptions, dataset: str) -> LabelTable | None:
    if options.labels is None:
        return None
    if options.table is None:
        raise BadConfig(f"dataset {dataset!r}: the option `labels` needs a label table in the option `table`")
    table = load_label_table(options.table) if isinstance(options.table, str) else options.table
    per_object = CLASS in placeholders(options.labels)
    if options.parts and not (per_object and table.parts):
        raise BadConfig(
            f"dataset {dataset!r}: the option `parts` needs a folder of maps per object ({{class}} in `labels`) and "
            "a label table with `parts`"
        )
    return table


def _labels(root: Root, key: str, options: ClassMapsOptions, source: _Source) -> dict[str, dict[int, str]]:
    """Label pictures by frame number, by the text of {class} ("" without it)."""
    pattern = options.labels or ""
    check_pattern(pattern, (FRAME,), (*source.bound, FRAME, CLASS), "labels")
    found: dict[str, dict[int, str]] = {}
    for bound, name in find(root, pattern, source.bound):
        number = int(bound[FRAME])
        _add(found.setdefault(bound.get(CLASS, ""), {}), number, name, f"scene {key}")
        if number not in source.pictures:
            raise BadInput(
                f"scene {key}: {root.location(name)} labels frame {number}, whose picture is missing (the footage "
                f"has frames {min(source.pictures)} to {max(source.pictures)}); get the picture or remove the labels"
            )
    return found


def _of_frames(
    key: str,
    labels: Mapping[str, Mapping[int, str]],
    chosen: Sequence[int],
    options: ClassMapsOptions,
    source: _Source,
) -> dict[str, dict[int, str]]:
    """Label pictures of the chosen frames by position, by the text of {class}."""
    if options.labels is not None and options.missing_labels == "refuse":
        for number in chosen:
            lacks = [name for name, maps in labels.items() if number not in maps]
            if lacks or not labels:
                of = f" of {lacks[0]!r}" if lacks and lacks[0] else ""
                raise BadInput(
                    f"scene {key}: frame {number} ({source.pictures[number]}) has no label picture{of} named like "
                    f"{options.labels!r}; get it, or set the option `missing_labels: unannotated`"
                )
    return {
        name: {at: maps[number] for at, number in enumerate(chosen) if number in maps}
        for name, maps in labels.items()
    }


def _reader(
    root: Root,
    frames: list[FrameRecord],
    table: LabelTable,
    labels: dict[str, dict[int, str]],
    options: ClassMapsOptions,
) -> AnnotationReader:
    sizes = [(frame.height, frame.width) for frame in frames]
    if CLASS not in placeholders(options.labels or ""):
        maps = labels.get("", {})
        return lambda: class_rows(table, maps, sizes, root.location)
    classes = {}
    for name in labels:
        item = table.class_of_folder(name, root.location())
        if item is not None:
            classes[name] = item
    return lambda: object_rows(table, labels, classes, sizes, root.location, parts=options.parts)
