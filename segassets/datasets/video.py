"""Layout `video`: a video file is a scene; a folder of video files is a dataset with a scene each."""

from __future__ import annotations

import posixpath
import re
from typing import Literal

from pydantic import Field

from segassets.datasets.files import Root
from segassets.datasets.footage import label_files, label_reader, stem_of
from segassets.datasets.layouts import Layout
from segassets.datasets.scene import FrameRecord, Scene
from segassets.errors import BadInput
from segassets.media.video import is_video, probe_video
from segassets.strict import StrictModel


class VideoOptions(StrictModel):
    """Options of the video layout."""

    file: str | None = Field(None, description="The one video to use of a folder of several.")
    annotations: str | None = Field(
        None,
        description="Folder of label maps (palette or gray PNG) whose names end with their frame's number; "
        "with several videos, in a folder of the video's stem inside it.",
    )
    first_label: int = Field(0, description="Number in the name of the label map of the video's first frame.")
    level: Literal[2, 4] = Field(2, description="What the labels are: 2 objects, 4 parts of objects.")


class VideoLayout(Layout[VideoOptions]):
    """Every frame that the video shows, in order of time."""

    options_type = VideoOptions

    def scene_names(self) -> list[str]:
        return list(self._videos()[1])

    def _videos(self) -> tuple[Root, dict[str, str]]:
        """The folder, and scene name -> video file in it; a single video is known by the dataset's name."""
        root = Root(self.config.root_url(), follow_links=self.config.follow_links)
        root.require(self.config.name)
        wanted = self.options_of().file
        if root.is_file():
            folder, wanted = posixpath.split(root.location())
            root = Root(folder, follow_links=self.config.follow_links)
        if wanted is not None:
            return root, {self.config.name: wanted}
        files, _ = root.listing("")
        videos = [name for name in files if is_video(name)]
        if not videos:
            raise BadInput(
                f"dataset {self.config.name!r}: expected video files in {root.url}, found none among its "
                f"{len(files)} files"
            )
        stems = [stem_of(name) for name in videos]
        names = self.scene_names_for(stems)
        return root, dict(zip(names, videos, strict=True))

    def load(self, name: str) -> Scene:
        root, videos = self._videos()
        video = self.pick(name, videos)
        options = self.options_of(name)
        info = probe_video(root.local(video))
        source_frames, times = self.select(name, info.timestamps_s.tolist())
        frames = [
            FrameRecord(at, f"{video}#{at}", info.height, info.width, timestamp_s=time)
            for at, time in zip(source_frames, times, strict=True)
        ]
        labels = self._labels(root, options, frames, stem_of(video) if len(videos) > 1 else "")
        for at in labels:
            frames[at].annotated = True
        return Scene(
            key=self.config.key_of(name),
            dataset=self.config.name,
            name=name,
            root=root.location(),
            frames=frames,
            frames_total=info.frames,
            annotations=None
            if options.annotations is None
            else label_reader(root, frames, labels, options.level),
            inputs=list(labels.values()),
            extras={"fps": info.fps},
        )

    def _labels(
        self, root: Root, options: VideoOptions, frames: list[FrameRecord], inner: str
    ) -> dict[int, str]:
        """Label map by position in `frames`, matched by the last number in its name."""
        if options.annotations is None:
            return {}
        folder = posixpath.join(options.annotations, inner)
        by_frame: dict[int, str] = {}
        for stem, name in label_files(root, folder).items():
            numbers = re.findall(r"\d+", stem)
            if numbers:
                by_frame[int(numbers[-1]) - options.first_label] = name
        if not by_frame:
            raise BadInput(
                f"dataset {self.config.name!r}: expected numbered label maps in {root.location(folder)}"
            )
        return {at: by_frame[f.source_frame] for at, f in enumerate(frames) if f.source_frame in by_frame}
