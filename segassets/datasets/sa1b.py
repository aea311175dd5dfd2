"""Layout `sa1b`: a JSON of masks per picture (SA-1B, and what is converted to it); a scene is a shard of pictures.

Pictures lie in the root, or in folders of it (train, valid, test; sa_000000, ...). A picture without a JSON is not
annotated. Masks have no identity and no category, unless an annotation says its `category_id`.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from segassets.datasets.coco import name_of
from segassets.datasets.files import Root
from segassets.datasets.footage import pictures_in, stem_of
from segassets.datasets.json_files import read_json, records, value
from segassets.datasets.layouts import Layout
from segassets.datasets.scene import AnnotationRow, Exclusion, FrameRecord, Scene
from segassets.datasets.segmentations import refuse_other_sizes, to_counts
from segassets.datasets.shards import shard_slices
from segassets.errors import BadInput
from segassets.media.pictures import picture_size
from segassets.strict import StrictModel


class Sa1bOptions(StrictModel):
    """Options of the SA-1B layout."""

    annotations: str | None = Field(
        None,
        description="Folder of the JSON files, with the same folders inside; beside the pictures when empty.",
    )
    categories: dict[int, str] = Field(
        {}, description="Names of the category ids, where annotations have them."
    )
    shard_size: int = Field(100, ge=1, description="Pictures in a scene; 1 makes a scene of each picture.")


class Sa1bLayout(Layout[Sa1bOptions]):
    """Scenes `shard-0000`, ... in natural order of the pictures; `<folder>-shard-0000` where there are folders."""

    options_type = Sa1bOptions
    _listed: dict[str, list[tuple[str, str | None]]] | None = None

    def scene_names(self) -> list[str]:
        return list(self._scenes(self.root()))

    def _scenes(self, root: Root) -> dict[str, list[tuple[str, str | None]]]:
        """Scene name -> (picture, its JSON)."""
        if self._listed is None:
            self._listed = {}
            for folder in ("", *root.listing()[1]):
                self._listed.update(self._of_folder(root, folder))
        if not any(note for pairs in self._listed.values() for _, note in pairs):
            raise BadInput(
                f"dataset {self.config.name!r}: expected pictures with a JSON of the same name each in {root.url} or "
                "in its folders, found none; correct `root` or the option `annotations`"
            )
        return self._listed

    def _of_folder(self, root: Root, folder: str) -> dict[str, list[tuple[str, str | None]]]:
        options = self.options_of()
        notes = _notes(root, posixpath.join(options.annotations or "", folder))
        pairs = [(name, _note_of(name, notes)) for name in pictures_in(root, folder)[0]]
        prefix = f"{folder}-" if folder else ""
        stems = [stem_of(name) for name, _ in pairs]
        slices = shard_slices(self, stems, options.shard_size, prefix)
        return {name: pairs[part] for name, part in slices.items()}

    def load(self, name: str) -> Scene:
        root = self.root()
        pairs = self.pick(name, self._scenes(root))
        source_frames, chosen = self.select(name, pairs)
        frames = [
            FrameRecord(at, picture, *picture_size(root.location(picture)), annotated=note is not None)
            for at, (picture, note) in zip(source_frames, chosen, strict=True)
        ]
        notes = {at: note for at, (_, note) in enumerate(chosen) if note is not None}
        return Scene(
            key=self.config.key_of(name),
            dataset=self.config.name,
            name=name,
            root=root.location(),
            frames=frames,
            frames_total=len(pairs),
            sizes_may_change=True,
            categories=self.options_of(name).categories,
            annotations=lambda: read_annotations(root, frames, notes),
            inputs=list(notes.values()),
        )


def _notes(root: Root, folder: str) -> dict[str, str]:
    """JSON files in a folder by stem."""
    if not root.is_folder(folder):
        return {}
    return {
        stem_of(file): posixpath.join(folder, file)
        for file in root.listing(folder)[0]
        if file.endswith(".json")
    }


def _note_of(picture: str, notes: Mapping[str, str]) -> str | None:
    """The JSON of a picture: of the same stem, or of the part before the first dot, as sam2 looks for it."""
    stem = stem_of(picture)
    return notes.get(stem) or notes.get(stem.partition(".")[0])


def read_annotations(
    root: Root, frames: list[FrameRecord], notes: Mapping[int, str]
) -> Iterator[AnnotationRow | Exclusion]:
    """Rows of the pictures' files, one after the other.

    Raises:
        BadInput: a file that is no such JSON, or sizes that differ from the picture's; names file and annotation.
    """
    for at, note in sorted(notes.items()):
        frame, location = frames[at], root.location(note)
        document = read_json(root, note)
        _check_picture(document, frame, location)
        found = records(document, "annotations", location)
        where = [f"{location}: {name_of(item)}" for item in found]
        segmentations = [item.get("segmentation") for item in found]
        refuse_other_sizes(segmentations, where, frame.height, frame.width)
        counts, excluded = to_counts(segmentations, where, frame.height, frame.width)
        yield from excluded
        for item, text, name in zip(found, counts, where, strict=True):
            if text is not None:
                yield AnnotationRow(
                    at,
                    text,
                    category_id=item.get("category_id", -1),
                    crowd=bool(item.get("iscrowd", 0)),
                    where=name,
                    predicted_iou=item.get("predicted_iou"),
                    stability=item.get("stability_score"),
                )


def _check_picture(document: dict[str, Any], frame: FrameRecord, location: str) -> None:
    image = value(document, "image", location)
    if not isinstance(image, dict):
        raise BadInput(f"{location}: expected an object under 'image', found {type(image).__name__}")
    size = (image.get("height", frame.height), image.get("width", frame.width))
    if size != (frame.height, frame.width):
        raise BadInput(
            f"{location}: expected the size of {frame.uri}, {frame.height} x {frame.width} (height x width), found "
            f"{size[0]} x {size[1]}"
        )
