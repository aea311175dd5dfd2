"""Layout `cityscapes`: leftImg8bit/<split>/<city>/ beside gtFine alike; a scene is a shard of a city's pictures.

Instances come from the 16-bit instanceIds, or are drawn from the polygons. Below 1000 a value is a class alone: of
a class whose objects are told apart it is a group, kept as a crowd; of any other (road, sky) it is a region, left
out unless the option `regions` asks for it. Frames are a moving car's, but not of one video: no identity.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import Literal

import numpy as np
from pydantic import Field

from segassets.datasets.cityscapes_labels import CLASSES, PER_CLASS, THINGS, VOID
from segassets.datasets.cityscapes_polygons import map_of_polygons
from segassets.datasets.files import Root
from segassets.datasets.footage import pictures_in
from segassets.datasets.json_files import read_json
from segassets.datasets.layouts import Layout
from segassets.datasets.scene import AnnotationRow, Exclusion, FrameRecord, Scene
from segassets.datasets.shards import shard_slices
from segassets.errors import BadInput
from segassets.masks.id_maps import id_runs
from segassets.media.pictures import picture_size, read_labels
from segassets.strict import StrictModel

_POLYGONS = "_polygons.json"
_INSTANCES = "_instanceIds.png"


class CityscapesOptions(StrictModel):
    """Options of the Cityscapes layout."""

    pictures: str = Field("leftImg8bit", description="Folder of the pictures, also the end of their names.")
    annotations: str = Field("gtFine", description="Folder of the annotations, also in their names.")
    labels: Literal["auto", "instances", "polygons"] = Field(
        "auto", description="Masks from the instanceIds, from the polygons, or from what is there, ids first."
    )
    regions: bool = Field(False, description="Masks of classes without instances (road, sky) too, as crowds.")
    shard_size: int = Field(100, ge=1, description="Pictures in a scene; 1 makes a scene of each picture.")


class CityscapesLayout(Layout[CityscapesOptions]):
    """Scenes `<split>-<city>-shard-0000`, ... in natural order of the pictures."""

    options_type = CityscapesOptions
    _listed: dict[str, list[str]] | None = None

    def scene_names(self) -> list[str]:
        return list(self._scenes(self.root()))

    def _scenes(self, root: Root) -> dict[str, list[str]]:
        """Scene name -> its pictures."""
        if self._listed is None:
            options = self.options_of()
            self._listed = {}
            for split in root.listing(options.pictures)[1]:
                for city in root.listing(posixpath.join(options.pictures, split))[1]:
                    pictures = pictures_in(root, posixpath.join(options.pictures, split, city))[0]
                    stems = [_stem(name, options.pictures) for name in pictures]
                    slices = shard_slices(self, stems, options.shard_size, f"{split}-{city}-")
                    self._listed.update({name: pictures[part] for name, part in slices.items()})
        if not self._listed:
            raise BadInput(
                f"dataset {self.config.name!r}: expected pictures in {root.url}/{self.options_of().pictures}"
                "/<split>/<city>, found none; correct `root` or the option `pictures`"
            )
        return self._listed

    def load(self, name: str) -> Scene:
        root, options = self.root(), self.options_of(name)
        pictures = self.pick(name, self._scenes(root))
        source_frames, chosen = self.select(name, pictures)
        labels = {at: found for at, found in enumerate(_labels(root, chosen, options)) if found is not None}
        frames = [
            FrameRecord(at, picture, *picture_size(root.location(picture)), annotated=place in labels)
            for place, (at, picture) in enumerate(zip(source_frames, chosen, strict=True))
        ]
        cameras = [_set_camera(root, frame, options) for frame in frames]
        return Scene(
            key=self.config.key_of(name),
            dataset=self.config.name,
            name=name,
            root=root.location(),
            frames=frames,
            frames_total=len(pictures),
            sizes_may_change=True,
            categories={number: word for number, word in CLASSES.items() if number not in VOID},
            annotations=lambda: _rows(root, frames, labels, regions=options.regions),
            inputs=[*labels.values(), *(file for file in cameras if file is not None)],
            depends_on=str(options.regions),
        )


def _stem(picture: str, ending: str) -> str:
    """`leftImg8bit/val/ulm/ulm_0_1_leftImg8bit.png` -> `ulm_0_1`."""
    return posixpath.splitext(posixpath.basename(picture))[0].removesuffix(f"_{ending}")


def _labels(root: Root, pictures: list[str], options: CityscapesOptions) -> list[str | None]:
    """The file each picture's masks are read from; None where it has none (the test set)."""
    kinds = {"instances": [_INSTANCES], "polygons": [_POLYGONS]}.get(options.labels, [_INSTANCES, _POLYGONS])
    found: list[str | None] = [None] * len(pictures)
    for kind in reversed(kinds):
        names = [
            _beside(picture, options, options.annotations, f"_{options.annotations}{kind}")
            for picture in pictures
        ]
        for at, is_there in enumerate(root.are_files(names)):
            if is_there:
                found[at] = names[at]
    return found


def _beside(picture: str, options: CityscapesOptions, folder: str, ending: str) -> str:
    *_, split, city, _name = picture.split("/")
    return posixpath.join(folder, split, city, _stem(picture, options.pictures) + ending)


def _set_camera(root: Root, frame: FrameRecord, options: CityscapesOptions) -> str | None:
    """Gives a frame the intrinsics of `camera/`; the file they stand in, None where there is none."""
    name = _beside(frame.uri, options, "camera", "_camera.json")
    if not root.is_file(name):
        return None
    found = read_json(root, name).get("intrinsic", {})
    try:
        frame.fx_px, frame.fy_px, u0, v0 = (float(found[part]) for part in ("fx", "fy", "u0", "v0"))
    except (KeyError, TypeError, ValueError):
        raise BadInput(
            f"{root.location(name)}: expected intrinsic with fx, fy, u0, v0, found {found!r:.80}"
        ) from None
    frame.cx_px, frame.cy_px = u0 + 0.5, v0 + 0.5  # counted from the centre of the first pixel there
    return name


def _rows(
    root: Root, frames: list[FrameRecord], labels: dict[int, str], *, regions: bool
) -> Iterator[AnnotationRow | Exclusion]:
    for at, name in labels.items():
        size_hw = (frames[at].height, frames[at].width)
        path = root.location(name)
        drawn = name.endswith(_POLYGONS)
        ids = map_of_polygons(root, name, size_hw) if drawn else _instance_ids(path, size_hw)
        yield from _of_map(path, at, ids, regions)


def _instance_ids(path: str, size_hw: tuple[int, int]) -> np.ndarray:
    ids = read_labels(path).astype(np.int32)
    if ids.shape != size_hw:
        raise BadInput(
            f"{path}: expected ids of {size_hw[0]} x {size_hw[1]} (height x width) like the picture, found "
            f"{ids.shape[0]} x {ids.shape[1]}"
        )
    return ids


def _of_map(path: str, frame: int, ids: np.ndarray, regions: bool) -> Iterator[AnnotationRow]:
    """Rows of a map of instance ids.

    Raises:
        BadInput: a value of no class.
    """
    for value, counts in id_runs(ids).counts().items():
        alone = value < PER_CLASS
        number = value if alone else value // PER_CLASS
        if number not in CLASSES:
            raise BadInput(
                f"{path}: expected classes 0 to {max(CLASSES)}, or class x {PER_CLASS} + number, found {value}; is "
                "it a picture of trainIds or of another set?"
            )
        if number in VOID or (alone and number not in THINGS and not regions):
            continue
        where = f"{path} value {value} ({CLASSES[number]})"
        yield AnnotationRow(frame, counts, category_id=number, crowd=alone, where=where)
