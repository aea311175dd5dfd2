"""A scene: one unit of footage, whatever its layout: a video, a folder of pictures, a shard of images.

Layouts make scenes, everything above reads them. A scene only describes: pictures are opened by
`frames.FrameSource`, annotations become a mask table in `annotations.annotation_table`. Conventions are
already the platform's own here (OpenCV camera axes, camera-to-world poses, pixel centres at +0.5, metres):
the layout converted at the door.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

OBJECT_LEVEL = 2
PART_LEVEL = 4


@dataclass(slots=True)
class FrameRecord:
    """One frame of a scene.

    Attributes:
        source_frame: index in the footage before the frame selection (from 0).
        uri: path relative to the scene's root with forward slashes, or `<video>#<index>`.
        camera_to_world: 16 floats, row-major 4x4, OpenCV axes (x right, y down, z forward), metres.
        depth_uri: depth picture relative to the root; `depth_scale_m` metres per stored unit.
        annotated: True when annotations of this frame exist, even if they say "nothing here".
    """

    source_frame: int
    uri: str
    height: int
    width: int
    timestamp_s: float | None = None
    annotated: bool = False
    fx_px: float | None = None
    fy_px: float | None = None
    cx_px: float | None = None
    cy_px: float | None = None
    camera_to_world: list[float] | None = None
    depth_uri: str | None = None
    depth_scale_m: float | None = None


@dataclass(slots=True)
class AnnotationRow:
    """One annotated mask of one frame; the mask has the size of its frame.

    Attributes:
        frame: index in the scene's list of frames.
        rle_counts: compressed COCO counts as ASCII.
        track_id: the same object in other frames (0 = an image set, no identity over frames).
        mask_id: unique in the scene from 1; 0 lets the table builder number the rows in order.
        parent_id: mask_id of the enclosing mask (only with explicit mask ids), 0 = none.
        level: OBJECT_LEVEL, or PART_LEVEL for parts of objects.
        predicted_iou, stability: what the source knows about the mask's quality, None when nothing.
        crowd: True when the mask covers a group that was not separated (COCO's iscrowd).
        where: how the source names it, e.g. "annotation 1234"; used in messages.
    """

    frame: int
    rle_counts: str
    category_id: int = -1
    track_id: int = 0
    mask_id: int = 0
    parent_id: int = 0
    level: int = OBJECT_LEVEL
    crowd: bool = False
    where: str = ""
    predicted_iou: float | None = None
    stability: float | None = None


@dataclass(slots=True)
class Exclusion:
    """An annotation that was left out, with the reason it is counted under and where it stands."""

    reason: str
    where: str


AnnotationReader = Callable[[], Iterable[AnnotationRow | Exclusion]]


@dataclass
class Scene:
    """One unit of footage, frames already selected and in order.

    Attributes:
        key: partition key, `<dataset>.<name>`.
        root: local folder or fsspec URL that every uri is relative to.
        frames: selected frames; `frame` everywhere else is the position in this list.
        frames_total: frames of the footage before the selection.
        sizes_may_change: True for image sets only; footage keeps one size.
        categories: category id to name (0 is a valid id).
        annotations: called to read the annotations, lazily; None when the layout has none for this scene.
        excluded: what the layout left out while listing frames, counted by reason.
        inputs: further files the scene depends on (annotation files, poses), relative to the root.
        depends_on: what else decides the annotations, as text (a label table); part of the fingerprint.
        identity: stands for the files in `scene_fingerprint`, for footage made from a seed and a config.
        extras: whatever else the layout knows (captions, source conventions, licence), JSON values.
    """

    key: str
    dataset: str
    name: str
    root: str
    frames: list[FrameRecord]
    frames_total: int = 0
    sizes_may_change: bool = False
    categories: dict[int, str] = field(default_factory=dict)
    annotations: AnnotationReader | None = None
    excluded: dict[str, int] = field(default_factory=dict)
    inputs: list[str] = field(default_factory=list)
    depends_on: str = ""
    identity: str | None = None
    extras: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.frames_total = self.frames_total or len(self.frames)


def split_uri(uri: str) -> tuple[str, int | None]:
    """Splits `clip.mp4#12` into ("clip.mp4", 12) and `a/b.jpg` into ("a/b.jpg", None)."""
    path, hash_mark, index = uri.rpartition("#")
    if hash_mark and index.isdigit():
        return path, int(index)
    return uri, None


def scene_fingerprint(scene: Scene) -> str:
    """Identity of a scene's inputs: 16 hex digits that change when footage or annotations change.

    Cheap by design: names, sizes and modification times of the files (or what the remote store reports for
    them, an etag or checksum where it has one), the selection, and the frame facts; file contents are not
    read. A scene with an `identity` is known by that instead of its files.
    """
    from segassets.datasets.files import file_identities

    paths = dict.fromkeys(split_uri(frame.uri)[0] for frame in scene.frames)
    paths.update(dict.fromkeys(frame.depth_uri for frame in scene.frames if frame.depth_uri))
    paths.update(dict.fromkeys(scene.inputs))
    facts = [
        (f.source_frame, f.uri, f.height, f.width, f.annotated, f.fx_px, f.camera_to_world, f.depth_scale_m)
        for f in scene.frames
    ]
    files = scene.identity if scene.identity is not None else file_identities(scene.root, list(paths))
    known = [scene.key, files, facts, sorted(scene.categories.items())]
    text = json.dumps([*known, scene.depends_on] if scene.depends_on else known, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
