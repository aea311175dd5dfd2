"""Layout `multiscan`: scans as MultiScan's app records them, <scan>/<scan>.mp4 with .json, .jsonl, depth.

Depth uris are `<scan>.depth.zlib#<frame>`, to be read in order with `multiscan_meta.iter_depth_m`. The scan's
annotations are boxes in space, no masks: they are in `extras["objects"]` and `extras["parts"]`.
"""

from __future__ import annotations

import posixpath

from segassets.datasets.files import Root
from segassets.datasets.layouts import Layout, NoOptions
from segassets.datasets.multiscan_meta import read_meta, set_camera
from segassets.datasets.scene import FrameRecord, Scene
from segassets.errors import BadInput
from segassets.media.video import is_video, probe_video


class MultiscanLayout(Layout[NoOptions]):
    """A scene per scan folder; the root may be one scan."""

    def scene_names(self) -> list[str]:
        return list(self._videos(self.root()))

    def _videos(self, root: Root) -> dict[str, str]:
        """Scene name -> video relative to the root."""
        files, folders = root.listing("")
        own = [name for name in files if is_video(name)]
        if own:
            return {self.config.name: own[0]}
        found = [name for name in folders if root.is_file(f"{name}/{name}.mp4")]
        if not found:
            raise BadInput(
                f"dataset {self.config.name!r}: expected <scan>/<scan>.mp4 in {root.url}, found none; "
                "decoded scans (outputs/color) have the layout multiscan_decoded"
            )
        return {name: f"{scan}/{scan}.mp4" for name, scan in self.scene_names_for(found).items()}

    def load(self, name: str) -> Scene:
        root = self.root()
        video = self.pick(name, self._videos(root))
        key = self.config.key_of(name)
        folder, file_name = posixpath.split(video)
        info = probe_video(root.local(video))
        meta = read_meta(root, folder, posixpath.splitext(file_name)[0], key)
        usable = min(info.frames, len(meta.cameras)) if meta.cameras else info.frames
        source_frames, times = self.select(name, info.timestamps_s.tolist()[:usable])
        frames = []
        for at, time in zip(source_frames, times, strict=True):
            frame = FrameRecord(at, f"{video}#{at}", info.height, info.width, timestamp_s=time)
            if meta.cameras:
                set_camera(frame, meta.cameras[at], meta.color_hw, meta.cameras[0].timestamp_s)
            if meta.depth is not None:
                frame.depth_uri, frame.depth_scale_m = f"{meta.depth.name}#{at}", meta.depth.scale_m
            frames.append(frame)
        return Scene(
            key=key,
            dataset=self.config.name,
            name=name,
            root=root.location(),
            frames=frames,
            frames_total=usable,
            excluded={"frame_without_camera": info.frames - usable} if usable < info.frames else {},
            inputs=meta.inputs,
            extras=meta.extras,
        )
