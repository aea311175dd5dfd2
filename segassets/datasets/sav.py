"""Layout `sav`: SA-V's videos with masklets in JSON: `<video>.mp4` with `<video>_manual.json`, `<video>_auto.json`.

Every fourth frame is annotated (videos of 24 frames a second, masks at 6), or each (the export `sav`). All frames are
frames of the scene; `frames: "::4"` takes the annotated ones. Also videos extracted to folders of pictures. SA-V's val
and test sets, whose masks are folders of PNG, are of the layout `davis`.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from segassets.datasets.files import Root
from segassets.datasets.footage import picture_records, pictures_in, stem_of
from segassets.datasets.layouts import Layout
from segassets.datasets.masklets import masklet_rows, read_masklets
from segassets.datasets.scene import FrameRecord, Scene
from segassets.errors import BadInput
from segassets.media.video import is_video, probe_video
from segassets.strict import StrictModel

Kind = Literal["manual", "auto"]


class SavOptions(StrictModel):
    """Options of the SA-V layout."""

    videos: str = Field("", description="Folder of the videos, or of a folder of pictures per video.")
    annotations: str | None = Field(
        None, description="Folder of the JSON files; beside the videos when empty."
    )
    masklets: list[Kind] = Field(
        ["manual", "auto"],
        min_length=1,
        description="Which of the two JSON files to read, where they are there.",
    )
    every: int | None = Field(
        None,
        ge=1,
        description="Frames of the video from one annotated frame to the next; when empty 1 where the JSON has an "
        "entry for every frame, else 4.",
    )


@dataclass(frozen=True)
class _Video:
    """A video file, or a folder of pictures, and its JSON files by kind."""

    name: str
    file: str
    is_folder: bool
    notes: dict[str, str]


class SavLayout(Layout[SavOptions]):
    """A scene per video that has a JSON of the wanted kinds."""

    options_type = SavOptions
    _listed: dict[str, _Video] | None = None

    def scene_names(self) -> list[str]:
        return list(self._videos(self.root()))

    def _videos(self, root: Root) -> dict[str, _Video]:
        if self._listed is None:
            self._listed = self._list(root)
        return self._listed

    def _list(self, root: Root) -> dict[str, _Video]:
        options = self.options_of()
        files, folders = root.listing(options.videos)
        beside = options.videos if options.annotations is None else options.annotations
        notes = {file for file in root.listing(beside)[0] if file.endswith(".json")}
        sources = [(stem_of(file), file, False) for file in files if is_video(file)]
        sources += [(folder, folder, True) for folder in folders]
        found = {}
        for name, file, is_folder in sources:
            named = {str(kind): f"{name}_{kind}.json" for kind in options.masklets}
            own = {kind: posixpath.join(beside, note) for kind, note in named.items() if note in notes}
            if own:
                found[name] = _Video(name, posixpath.join(options.videos, file), is_folder, own)
        if not found:
            wanted = " or ".join(f"<video>_{kind}.json" for kind in options.masklets)
            raise BadInput(
                f"dataset {self.config.name!r}: expected videos with {wanted} in {root.location(beside)}, found "
                f"{len(sources)} videos and {len(notes)} JSON files, none of which belong together"
            )
        return {name: found[source] for name, source in self.scene_names_for(found).items()}

    def load(self, name: str) -> Scene:
        root = self.root()
        options = self.options_of(name)
        video = self.pick(name, self._videos(root))
        frames, total = self._frames(root, name, video)
        documents = [
            read_masklets(root, note, self.config.key_of(name), frames[0], total, options.every)
            for note in video.notes.values()
        ]
        for frame in frames:
            frame.annotated = any(item.of_frame(frame.source_frame) is not None for item in documents)
        return Scene(
            key=self.config.key_of(name),
            dataset=self.config.name,
            name=name,
            root=root.location(),
            frames=frames,
            frames_total=total,
            annotations=lambda: masklet_rows(documents, frames),
            inputs=list(video.notes.values()),
            depends_on=f"{options.masklets} every {[item.every for item in documents]}",
            extras={"environment": documents[0].environment},
        )

    def _frames(self, root: Root, name: str, video: _Video) -> tuple[list[FrameRecord], int]:
        """Selected frames, and the count of all."""
        if video.is_folder:
            pictures, _ = pictures_in(root, video.file)
            source_frames, chosen = self.select(name, pictures)
            return picture_records(self.config.key_of(name), root, source_frames, chosen), len(pictures)
        info = probe_video(root.local(video.file))
        source_frames, times = self.select(name, info.timestamps_s.tolist())
        frames = [
            FrameRecord(at, f"{video.file}#{at}", info.height, info.width, timestamp_s=time)
            for at, time in zip(source_frames, times, strict=True)
        ]
        return frames, info.frames
