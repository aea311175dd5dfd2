"""Layout `sav`: SA-V's videos with masklets in JSON: `<video>.mp4` with `<video>_manual.json`, `<video>_auto.json`.

Every `every`-th frame is annotated (videos of 24 frames a second, masks at 6). All frames are frames of the scene;
`frames: "::4"` takes the annotated ones. Also videos extracted to folders of pictures. SA-V's val and test sets, whose
masks are folders of PNG, are of the layout `davis`.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from pydantic import Field

from segassets.datasets.files import Root
from segassets.datasets.footage import picture_records, pictures_in, stem_of
from segassets.datasets.json_files import read_json, value
from segassets.datasets.layouts import Layout
from segassets.datasets.scene import AnnotationRow, Exclusion, FrameRecord, Scene
from segassets.datasets.segmentations import refuse_other_sizes, to_counts
from segassets.errors import BadInput
from segassets.masks import rle
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
    every: int = Field(4, ge=1, description="Frames of the video from one annotated frame to the next.")


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
        key = self.config.key_of(name)
        frames, total = self._frames(root, name, video)
        documents = {kind: _document(root, note) for kind, note in video.notes.items()}
        for kind, document in documents.items():
            _check(key, root.location(video.notes[kind]), document, frames[0], total, options.every)
        annotated = min(len(document["masklet"]) for document in documents.values())
        for frame in frames:
            frame.annotated = (
                frame.source_frame % options.every == 0 and frame.source_frame < annotated * options.every
            )
        return Scene(
            key=key,
            dataset=self.config.name,
            name=name,
            root=root.location(),
            frames=frames,
            frames_total=total,
            annotations=lambda: _read(root, video, documents, frames, options.every),
            inputs=list(video.notes.values()),
            depends_on=f"{options.masklets} every {options.every}",
            extras={"environment": next(iter(documents.values())).get("video_environment")},
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


def _document(root: Root, note: str) -> dict[str, Any]:
    document = read_json(root, note)
    location = root.location(note)
    masklets = value(document, "masklet", location)
    if not isinstance(masklets, list) or not all(isinstance(of_frame, list) for of_frame in masklets):
        raise BadInput(f"{location}: expected a list of masks per annotated frame under 'masklet'")
    if len({len(of_frame) for of_frame in masklets}) > 1:
        first = next(at for at, of_frame in enumerate(masklets) if len(of_frame) != len(masklets[0]))
        raise BadInput(
            f"{location}: expected {len(masklets[0])} masks (null where absent) on every frame, found "
            f"{len(masklets[first])} on annotated frame {first}"
        )
    ids = document.get("masklet_id")
    if ids is not None and masklets and len(ids) != len(masklets[0]):
        raise BadInput(
            f"{location}: expected a 'masklet_id' for each of {len(masklets[0])} masklets, found {len(ids)}"
        )
    return document


def _check(
    key: str, location: str, document: dict[str, Any], frame: FrameRecord, total: int, every: int
) -> None:
    """The video is the one the JSON speaks of: its size, and frames for all masks."""
    size = (document.get("video_height", frame.height), document.get("video_width", frame.width))
    if (int(size[0]), int(size[1])) != (frame.height, frame.width):
        raise BadInput(
            f"scene {key}: {location} is for {int(size[0])} x {int(size[1])} (height x width), the video "
            f"{frame.uri.partition('#')[0]} is {frame.height} x {frame.width}"
        )
    last = (len(document["masklet"]) - 1) * every
    if last >= total:
        claimed = document.get("video_frame_count")
        of = f" (the JSON speaks of {int(claimed)} frames)" if claimed else ""
        raise BadInput(
            f"scene {key}: {location} has masks up to frame {last}, the video {frame.uri.partition('#')[0]} only "
            f"frames 0 to {total - 1}{of}; get the whole video, or correct the option `every`"
        )


def _read(
    root: Root, video: _Video, documents: dict[str, dict[str, Any]], frames: Sequence[FrameRecord], every: int
) -> Iterator[AnnotationRow | Exclusion]:
    """Rows of the masklets; the automatic ones get track ids after the manual ones.

    Raises:
        BadInput: a mask of another size than the video.
    """
    size = (frames[0].height, frames[0].width)
    empty = rle.encode(np.zeros(size, bool))  # as null: the object is absent
    first_track = 1
    for kind, document in documents.items():
        masklets, scores = document["masklet"], document.get("masklet_stability_score")
        ids = document.get("masklet_id") or list(range(len(masklets[0]) if masklets else 0))
        found = [
            (position, frame.source_frame // every, at, mask)
            for position, frame in enumerate(frames)
            if frame.annotated
            for at, mask in enumerate(masklets[frame.source_frame // every])
            if mask
        ]
        place = root.location(video.notes[kind])
        where = [f"{place}: masklet {ids[at]} in frame {row * every}" for _, row, at, _ in found]
        segmentations = [mask for *_, mask in found]
        refuse_other_sizes(segmentations, where, *size)
        counts, excluded = to_counts(segmentations, where, *size)
        yield from excluded
        for (position, row, at, _), text, name in zip(found, counts, where, strict=True):
            if text is not None and text != empty:
                stability = scores[row][at] if scores else None
                track = first_track + ids[at]
                yield AnnotationRow(position, text, track_id=track, where=name, stability=stability)
        first_track += max(ids, default=-1) + 1
