"""Layout `davis`: JPEGImages/[<resolution>/]<sequence>/ beside Annotations/ alike (DAVIS, YouTube-VOS).

Annotations are palette PNG (values are objects) or gray 0/255 (one object), or a folder of maps per object (SA-V's val
and test sets: JPEGImages_24fps and Annotations_6fps). No file: not annotated.
"""

from __future__ import annotations

import posixpath
from typing import Literal

from pydantic import Field

from segassets.datasets.files import Root
from segassets.datasets.footage import pictures_in
from segassets.datasets.layouts import Layout
from segassets.datasets.picture_scenes import picture_scene
from segassets.datasets.scene import Scene
from segassets.errors import BadInput
from segassets.media.pictures import is_picture
from segassets.strict import StrictModel


class DavisOptions(StrictModel):
    """Options of the DAVIS layout."""

    pictures: str = Field("JPEGImages", description="Folder of the pictures.")
    annotations: str = Field("Annotations", description="Folder of the label maps.")
    resolution: str | None = Field(
        None, description="Folder between these and the sequences; found when not given, 480p first."
    )
    level: Literal[2, 4] = Field(2, description="What the labels are: 2 objects, 4 parts of objects.")


class DavisLayout(Layout[DavisOptions]):
    """A scene per sequence."""

    options_type = DavisOptions

    def scene_names(self) -> list[str]:
        return list(self._sequences(self.root())[1])

    def _sequences(self, root: Root) -> tuple[str, dict[str, str]]:
        """The resolution folder ("" without one), and scene name -> sequence folder."""
        options = self.options_of()
        files, folders = root.listing(options.pictures)
        if any(is_picture(name) for name in files):
            return "", {self.config.name: ""}
        resolution = self._resolution(root, options, folders)
        if resolution:
            _, folders = root.listing(posixpath.join(options.pictures, resolution))
        if not folders:
            raise BadInput(
                f"dataset {self.config.name!r}: expected folders of sequences in "
                f"{root.location(posixpath.join(options.pictures, resolution))}, found none"
            )
        return resolution, self.scene_names_for(folders)

    @staticmethod
    def _resolution(root: Root, options: DavisOptions, folders: list[str]) -> str:
        if options.resolution is not None:
            return options.resolution
        if not folders or pictures_in(root, posixpath.join(options.pictures, folders[0]))[0]:
            return ""
        _, inner = root.listing(posixpath.join(options.pictures, folders[0]))
        if not inner:
            return ""
        return "480p" if "480p" in folders else folders[0]

    def load(self, name: str) -> Scene:
        root = self.root()
        resolution, sequences = self._sequences(root)
        sequence = self.pick(name, sequences)
        options = self.options_of(name)
        folder = posixpath.join(options.pictures, resolution, sequence)
        pictures, ignored = pictures_in(root, folder)
        if not pictures:
            raise BadInput(
                f"scene {self.config.key_of(name)}: expected pictures in {root.location(folder)}, found none"
            )
        labels = posixpath.join(options.annotations, resolution, sequence)
        return picture_scene(
            self,
            name,
            root,
            pictures,
            labels_folder=labels if root.is_folder(labels) else None,
            level=options.level,
            excluded={"not_a_picture": ignored} if ignored else {},
        )
