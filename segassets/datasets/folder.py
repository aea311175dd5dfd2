"""Layout `folder`: a folder of pictures is a scene; a folder of such folders is a dataset of scenes."""

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
from segassets.strict import StrictModel


class FolderOptions(StrictModel):
    """Options of the folder layout."""

    pictures: str = Field("", description="Folder of the pictures in each scene's folder: outputs/color.")
    annotations: str | None = Field(
        None, description="Folder of label maps (palette or gray PNG, same stems) in each scene's folder."
    )
    level: Literal[2, 4] = Field(2, description="What the labels are: 2 objects, 4 parts of objects.")


class FolderLayout(Layout[FolderOptions]):
    """Pictures of any names in natural order (frame_2 before frame_10); other files are counted, not read."""

    options_type = FolderOptions
    _listed: dict[str, str] | None = None

    def scene_names(self) -> list[str]:
        return list(self._folders(self.root()))

    def _folders(self, root: Root) -> dict[str, str]:
        """Scene name -> folder relative to the root; listed once, since a batch opens many scenes of one layout."""
        if self._listed is None:
            self._listed = self._list_folders(root)
        return self._listed

    def _list_folders(self, root: Root) -> dict[str, str]:
        """Scene name -> folder; the root itself when it holds the pictures."""
        inner = self.options_of().pictures
        if _has_pictures(root, inner):
            return {self.config.name: ""}
        _, folders = root.listing("")
        visible = [name for name in folders if not name.startswith(".")]
        found = [name for name in visible if _has_pictures(root, posixpath.join(name, inner))]
        if not found:
            where = f" (in {inner!r} of each)" if inner else ""
            raise BadInput(
                f"dataset {self.config.name!r}: expected pictures in {root.url} or in its folders{where}, "
                f"found none in {len(visible)} folders; correct `root` or the option `pictures`"
            )
        return self.scene_names_for(found)

    def load(self, name: str) -> Scene:
        root = self.root()
        folder = self.pick(name, self._folders(root))
        options = self.options_of(name)
        pictures, ignored = pictures_in(root, posixpath.join(folder, options.pictures))
        return picture_scene(
            self,
            name,
            root,
            pictures,
            labels_folder=posixpath.join(folder, options.annotations) if options.annotations else None,
            level=options.level,
            excluded={"not_a_picture": ignored} if ignored else {},
        )


def _has_pictures(root: Root, folder: str) -> bool:
    return root.is_folder(folder) and bool(pictures_in(root, folder)[0])
