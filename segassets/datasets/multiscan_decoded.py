"""Layout `multiscan_decoded`: scans as MultiScan's server decodes them, <scan>/outputs/color/%d.png.

Color pictures are every `color_step`-th recorded frame, numbered 0, 1, 2, ...; depth pictures bear the number
of the recorded frame. So color 7 belongs to depth 70 and to line 71 of the .jsonl.
"""

from __future__ import annotations

import posixpath

from pydantic import Field

from segassets.datasets.files import Root
from segassets.datasets.footage import picture_records, pictures_in, stem_of
from segassets.datasets.layouts import Layout
from segassets.datasets.multiscan_meta import read_meta, set_camera
from segassets.datasets.scene import FrameRecord, Scene
from segassets.errors import BadInput
from segassets.strict import StrictModel


class MultiscanDecodedOptions(StrictModel):
    """Options of the decoded MultiScan layout."""

    pictures: str = Field("outputs/color", description="Folder of the color pictures in a scan's folder.")
    depth: str = Field("outputs/depth", description="Folder of the depth pictures (uint16, millimetres).")
    color_step: int = Field(10, ge=1, description="Recorded frames from one color picture to the next.")
    depth_step: int = Field(
        1, ge=1, description="Recorded frames that a step in the depth numbers stands for."
    )


class MultiscanDecodedLayout(Layout[MultiscanDecodedOptions]):
    """A scene per scan folder that has color pictures; the root may be one scan."""

    options_type = MultiscanDecodedOptions

    def scene_names(self) -> list[str]:
        return list(self._scans(self.root()))

    def _scans(self, root: Root) -> dict[str, str]:
        """Scene name -> scan folder."""
        inner = self.options_of().pictures
        if root.is_folder(inner):
            return {self.config.name: ""}
        _, folders = root.listing("")
        found = [name for name in folders if root.is_folder(posixpath.join(name, inner))]
        if not found:
            raise BadInput(
                f"dataset {self.config.name!r}: expected scans with {inner} in {root.url}, found none in its "
                f"{len(folders)} folders; undecoded scans (<scan>.mp4) have the layout multiscan"
            )
        return self.scene_names_for(found)

    def load(self, name: str) -> Scene:
        root = self.root()
        folder = self.pick(name, self._scans(root))
        options = self.options_of(name)
        key = self.config.key_of(name)
        all_names, ignored = pictures_in(root, posixpath.join(folder, options.pictures))
        pictures = [picture for picture in all_names if stem_of(picture).isdecimal()]
        ignored += len(all_names) - len(pictures)
        if not pictures:
            where = root.location(posixpath.join(folder, options.pictures))
            raise BadInput(f"scene {key}: expected pictures named by numbers in {where}, found none")
        source_frames, chosen = self.select(name, pictures)
        frames = picture_records(key, root, source_frames, chosen)
        scan = posixpath.basename(folder) or posixpath.basename(root.location().rstrip("/"))
        meta = read_meta(root, folder, scan, key)
        self._add_depth(root, posixpath.join(folder, options.depth), options, frames)
        for frame in frames:
            recorded = int(stem_of(frame.uri)) * options.color_step
            if recorded < len(meta.cameras):
                set_camera(frame, meta.cameras[recorded], meta.color_hw, meta.cameras[0].timestamp_s)
        return Scene(
            key=key,
            dataset=self.config.name,
            name=name,
            root=root.location(),
            frames=frames,
            frames_total=len(pictures),
            excluded={"not_a_picture": ignored} if ignored else {},
            inputs=meta.inputs,
            extras=meta.extras,
        )

    @staticmethod
    def _add_depth(
        root: Root, folder: str, options: MultiscanDecodedOptions, frames: list[FrameRecord]
    ) -> None:
        if not root.is_folder(folder):
            return
        depth = {stem_of(name): name for name in pictures_in(root, folder)[0]}
        for frame in frames:
            recorded = int(stem_of(frame.uri)) * options.color_step
            name = (
                depth.get(str(recorded // options.depth_step)) if recorded % options.depth_step == 0 else None
            )
            if name is not None:
                frame.depth_uri, frame.depth_scale_m = name, 0.001
