"""Layout `voc`: Pascal VOC's folders; a scene is a shard of the pictures, or of one of its picture sets.

Masks come from SegmentationObject (instances 1..N, 255 void), their classes from SegmentationClass. Where a picture
has classes alone, each class is one crowd: a region nobody separated. Boxes of Annotations/*.xml are reported as
boxes, never as masks: in the scene's extras, and as an exclusion where a picture has nothing else.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from pydantic import Field

from segassets.datasets.class_names import VOC_CLASSES, named_classes
from segassets.datasets.files import Root
from segassets.datasets.footage import VOID, pictures_in, stem_of
from segassets.datasets.layouts import Layout
from segassets.datasets.scene import AnnotationRow, Exclusion, FrameRecord, Scene
from segassets.datasets.shards import shard_slices
from segassets.datasets.voc_boxes import VocBox, boxes_of
from segassets.errors import BadInput
from segassets.masks.id_maps import id_runs
from segassets.media.pictures import picture_size, read_labels
from segassets.strict import StrictModel


class VocOptions(StrictModel):
    """Options of the Pascal VOC layout."""

    pictures: str = Field("JPEGImages", description="Folder of the pictures.")
    objects: str = Field("SegmentationObject", description="Folder of the palette PNGs of instances.")
    classes: str = Field("SegmentationClass", description="Folder of the palette PNGs of classes.")
    boxes: str = Field("Annotations", description="Folder of the XML files of boxes.")
    picture_set: str | None = Field(
        None, description="A list of pictures in ImageSets: Segmentation/trainval; all pictures when empty."
    )
    class_names: str | None = Field(
        None,
        description="File of class names, one a line from class 0 (_background_); the 20 of VOC when empty.",
    )
    shard_size: int = Field(100, ge=1, description="Pictures in a scene; 1 makes a scene of each picture.")


@dataclass(frozen=True)
class _Labels:
    """What there is for a picture, by name; None where there is no such file."""

    objects: str | None
    classes: str | None
    boxes: str | None

    @property
    def masked(self) -> bool:
        return self.objects is not None or self.classes is not None

    @property
    def files(self) -> list[str]:
        return [name for name in (self.objects, self.classes, self.boxes) if name is not None]


class VocLayout(Layout[VocOptions]):
    """Shards `shard-0000`, ... in natural order of the pictures, or in the order of the picture set."""

    options_type = VocOptions
    _listed: tuple[list[str], int] | None = None

    def scene_names(self) -> list[str]:
        return list(self._shards(self._pictures(self.root())[0]))

    def _shards(self, pictures: list[str]) -> dict[str, slice]:
        return shard_slices(self, [stem_of(name) for name in pictures], self.options_of().shard_size)

    def _pictures(self, root: Root) -> tuple[list[str], int]:
        """The pictures of the dataset, and how many its picture set names that are not there."""
        if self._listed is None:
            self._listed = self._list(root)
        return self._listed

    def _list(self, root: Root) -> tuple[list[str], int]:
        options = self.options_of()
        there = pictures_in(root, options.pictures)[0]
        if not there:
            raise BadInput(
                f"dataset {self.config.name!r}: expected pictures in {root.location(options.pictures)}, found none"
            )
        if options.picture_set is None:
            return there, 0
        name = f"ImageSets/{options.picture_set.removesuffix('.txt')}.txt"
        lines = root.read(name).decode("utf-8", "replace").splitlines()
        wanted = list(dict.fromkeys(line.split()[0] for line in lines if line.strip()))
        by_stem = {stem_of(picture): picture for picture in there}
        found = [by_stem[stem] for stem in wanted if stem in by_stem]
        if not found:
            raise BadInput(
                f"dataset {self.config.name!r}: none of the {len(wanted)} pictures of {root.location(name)} is in "
                f"{root.location(options.pictures)}; correct the option `picture_set` or `pictures`"
            )
        return found, len(wanted) - len(found)

    def load(self, name: str) -> Scene:
        root, options = self.root(), self.options_of(name)
        pictures, missing = self._pictures(root)
        shard = self.pick(name, self._shards(pictures))
        source_frames, chosen = self.select(name, pictures[shard])
        labels = self._labels(root, options, chosen)
        frames = [
            FrameRecord(at, picture, *picture_size(root.location(picture)), annotated=found.masked)
            for at, picture, found in zip(source_frames, chosen, labels, strict=True)
        ]
        boxes = {
            at: boxes_of(root, found.boxes) for at, found in enumerate(labels) if found.boxes is not None
        }
        names_file = options.class_names
        classes = VOC_CLASSES if names_file is None else named_classes(root, names_file)
        return Scene(
            key=self.config.key_of(name),
            dataset=self.config.name,
            name=name,
            root=root.location(),
            frames=frames,
            frames_total=len(pictures[shard]),
            sizes_may_change=True,
            categories=classes,
            annotations=lambda: _rows(root, frames, labels, boxes, classes),
            excluded={"missing_picture": missing} if missing and shard.start == 0 else {},
            inputs=[file for found in labels for file in found.files] + ([names_file] if names_file else []),
            extras={"boxes": [{"frame": at, **box.to_dict()} for at, of in boxes.items() for box in of]},
        )

    @staticmethod
    def _labels(root: Root, options: VocOptions, pictures: list[str]) -> list[_Labels]:
        stems = [stem_of(picture) for picture in pictures]

        def there(folder: str, suffix: str) -> list[str | None]:
            names = [posixpath.join(folder, stem + suffix) for stem in stems]
            found = root.are_files(names) if root.is_folder(folder) else [False] * len(names)
            return [name if is_there else None for name, is_there in zip(names, found, strict=True)]

        return [
            _Labels(*found)
            for found in zip(
                there(options.objects, ".png"),
                there(options.classes, ".png"),
                there(options.boxes, ".xml"),
                strict=True,
            )
        ]


def _rows(
    root: Root,
    frames: list[FrameRecord],
    labels: list[_Labels],
    boxes: dict[int, list[VocBox]],
    classes: dict[int, str],
) -> Iterator[AnnotationRow | Exclusion]:
    """Masks of the pictures that have any; a box without masks beside it is an exclusion.

    Raises:
        BadInput: a label picture is unreadable, in colour, of another size, or holds an unknown class.
    """
    for at, (frame, found) in enumerate(zip(frames, labels, strict=True)):
        size_hw = (frame.height, frame.width)
        class_map = None if found.classes is None else _map(root, found.classes, size_hw)
        if class_map is not None:
            _refuse_unknown(root.location(found.classes or ""), class_map, classes)
        if found.objects is not None:
            yield from _instances(
                root.location(found.objects), at, _map(root, found.objects, size_hw), class_map
            )
        elif class_map is not None:
            yield from _regions(root.location(found.classes or ""), at, class_map)
        else:
            for box in boxes.get(at, ()):
                yield Exclusion("box_without_mask", f"{root.location(found.boxes or '')}: {box}")


def _map(root: Root, name: str, size_hw: tuple[int, int]) -> np.ndarray:
    """A label map with void as background."""
    path = root.location(name)
    labels = read_labels(path)
    if labels.shape != size_hw:
        raise BadInput(
            f"{path}: expected labels of {size_hw[0]} x {size_hw[1]} (height x width) like the picture, found "
            f"{labels.shape[0]} x {labels.shape[1]}"
        )
    return np.where(labels == VOID, 0, labels)


def _refuse_unknown(path: str, class_map: np.ndarray, classes: dict[int, str]) -> None:
    unknown = sorted(set(np.unique(class_map).tolist()) - {0, *classes})
    if unknown:
        raise BadInput(
            f"{path}: expected classes 1 to {max(classes)}, 0 and {VOID}, found {unknown[0]}; set the option "
            "`class_names` to the file of this set's names"
        )


def _instances(
    path: str, frame: int, objects: np.ndarray, class_map: np.ndarray | None
) -> Iterator[AnnotationRow]:
    """A row for each instance; its class is the most frequent one under it, -1 where none is known."""
    for number, counts in id_runs(objects).counts().items():
        under = np.zeros(0, int) if class_map is None else class_map[objects == number]
        votes = np.bincount(under[under > 0], minlength=1)
        category = int(votes.argmax()) if votes.any() else -1
        yield AnnotationRow(frame, counts, category_id=category, where=f"{path} instance {number}")


def _regions(path: str, frame: int, class_map: np.ndarray) -> Iterator[AnnotationRow]:
    for number, counts in id_runs(class_map).counts().items():
        yield AnnotationRow(frame, counts, category_id=number, crowd=True, where=f"{path} class {number}")
