"""Layout `roboflow`: an image set in folders train, valid and test, each with a COCO file among its pictures.

As Roboflow exports it (`_annotations.coco.json`), or with the file of another name. The category that Roboflow
adds as the supercategory of the others, and that no annotation has, is none.
"""

from __future__ import annotations

import posixpath
from typing import Any, Literal

from pydantic import Field

from segassets.datasets.categories import same_categories
from segassets.datasets.coco import CocoIndex, build_index, image_scene, shards
from segassets.datasets.files import Root
from segassets.datasets.json_files import indexed
from segassets.datasets.layouts import Layout
from segassets.datasets.scene import Scene
from segassets.errors import BadInput
from segassets.strict import StrictModel


class RoboflowOptions(StrictModel):
    """Options of the Roboflow layout."""

    file: str = Field("_annotations.coco.json", description="Name of the JSON in each split's folder.")
    splits: list[str] = Field(
        [], description="Folders to read: train, valid, test; empty for all that have the file."
    )
    shard_size: int = Field(100, ge=1, description="Pictures in a scene; 1 makes a scene of each picture.")
    missing_pictures: Literal["exclude", "keep"] = Field(
        "exclude", description="Pictures named in the JSON but not on disk: leave out and count, or keep."
    )


def build_roboflow_index(document: dict[str, Any], location: str) -> CocoIndex:
    """The index of one split, without the category that is only the supercategory of all others."""
    index = build_index(document, location)
    parents = {item["id"]: item.get("supercategory") for item in document["categories"]}
    used = {item.get("category_id") for found in index.annotations.values() for item in found}
    for number, name in list(index.categories.items()):
        others = [parent for other, parent in parents.items() if other != number]
        if others and set(others) == {name} and number not in used:
            del index.categories[number]
    return index


class RoboflowLayout(Layout[RoboflowOptions]):
    """Scenes `train-shard-0000`, ..., `valid-shard-0000`, ...; without folders of splits `shard-0000`, ..."""

    options_type = RoboflowOptions
    requires_categories = True

    def scene_names(self) -> list[str]:
        return list(self._scenes(self.root()))

    def _splits(self, root: Root) -> list[str]:
        options = self.options_of()
        splits = options.splits or [
            split for split in ("", *root.listing()[1]) if root.is_file(posixpath.join(split, options.file))
        ]
        if not splits:
            raise BadInput(
                f"dataset {self.config.name!r}: expected {options.file!r} in {root.url} or in its folders (train, "
                "valid, test), found none; correct `root` or the option `file`"
            )
        return splits

    def _scenes(self, root: Root) -> dict[str, tuple[str, slice]]:
        """Scene name -> split and pictures in it."""
        found = {}
        for split in self._splits(root):
            prefix = f"{split}-" if split else ""
            named = shards(self, self._index(root, split), self.options_of().shard_size, prefix)
            found.update({name: (split, shard) for name, shard in named.items()})
        return found

    def _index(self, root: Root, split: str) -> CocoIndex:
        return indexed(root, posixpath.join(split, self.options_of().file), build_roboflow_index)

    def load(self, name: str) -> Scene:
        root = self.root()
        split, shard = self.pick(name, self._scenes(root))
        options = self.options_of(name)
        indexes = [self._index(root, each) for each in self._splits(root)]
        scene = image_scene(
            self,
            name,
            root,
            self._index(root, split),
            shard,
            pictures=split,
            keep_missing=options.missing_pictures == "keep",
            annotations=posixpath.join(split, options.file),
            categories=same_categories({index.location: index.categories for index in indexes}),
        )
        scene.extras["split"] = split
        return scene
