"""A room on disk: color/, objects/, parts/ and depth/ PNGs of every frame, and scene.json with all the rest.

objects/ and parts/ hold 16-bit ids (0 = none), depth/ holds millimetres along the optical axis as 16-bit
integers. The same spec and seed give the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import uuid
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from segassets.datasets.rooms.spec import RoomSpec
from segassets.datasets.rooms.studio import GENERATOR_VERSION, RoomFrame, Studio
from segassets.errors import BadInput
from segassets.storage.atomic import disk_errors, publish_dir
from segassets.storage.lock import exclusive

FORMAT = "segassets-room"
DEPTH_SCALE_M = 0.001
FOLDERS = ("color", "objects", "parts", "depth")
_WAIT_S = 3600.0

Progress = Callable[[Iterable[int]], Iterable[int]]


def frame_uri(folder: str, t: int) -> str:
    """Path of a frame's picture relative to the room's folder."""
    return f"{folder}/{t:06d}.png"


def room_identity(spec: RoomSpec, seed: int) -> str:
    """What a room is made from, as one line: a room on disk with another identity is rendered anew."""
    options = json.dumps(spec.model_dump(mode="json"), sort_keys=True)
    return f"{FORMAT} {GENERATOR_VERSION} {seed} {hashlib.sha256(options.encode()).hexdigest()[:16]}"


def ensure_room(folder: Path, spec: RoomSpec, seed: int, progress: Progress | None = None) -> dict[str, Any]:
    """The room's scene.json, after rendering it into `folder` if it is not there or was made otherwise.

    Raises:
        BadInput: the folder holds something that is no generated room; nothing is overwritten.
        OutOfSpace: the disk is full; nothing is left half-written.
    """
    wanted = room_identity(spec, seed)
    with exclusive(folder.parent / f".{folder.name}.lock", f"room {folder}", wait_s=_WAIT_S):
        if folder.exists():
            scene = read_scene_file(folder)
            if scene["identity"] == wanted:
                return scene
        write_room(folder, Studio(spec, seed), progress)
    return read_scene_file(folder)


def write_room(folder: Path, studio: Studio, progress: Progress | None = None) -> None:
    """Render a room to a folder that appears whole or not at all, replacing a room already there."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        with disk_errors(folder):
            for name in FOLDERS:
                (staging / name).mkdir(parents=True)
            scene = _write_frames(staging, studio, progress or (lambda frames: frames))
            (staging / "scene.json").write_text(json.dumps(scene, indent=1) + "\n", encoding="utf-8")
            publish_dir(staging, folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _write_frames(staging: Path, studio: Studio, progress: Progress) -> dict[str, Any]:
    masks, pictures, frames = hashlib.sha256(), hashlib.sha256(), []
    for t in progress(range(studio.spec.frames)):
        frame = studio.frame(t)
        stored = stored_maps(frame)
        for name, values in stored.items():
            Image.fromarray(values).save(staging / frame_uri(name, t), compress_level=3)
            (pictures if name == "color" else masks).update(values.tobytes())
        frames.append(
            {
                "camera_to_world": studio.camera_to_world[t].ravel().tolist(),
                "object_to_world": [pose.ravel().tolist() for pose in studio.object_to_world[t]],
                "visible_px": frame.visible_px.tolist(),
                "silhouette_px": frame.silhouette_px.tolist(),
            }
        )
    height, width = studio.spec.size_px
    return {
        "format": FORMAT,
        "identity": room_identity(studio.spec, studio.seed),
        "generator_version": GENERATOR_VERSION,
        "seed": studio.seed,
        "spec": studio.spec.model_dump(mode="json"),
        "height": height,
        "width": width,
        "intrinsics_px": list(studio.intrinsics),
        "depth_scale_m": DEPTH_SCALE_M,
        "conventions": "camera_to_world 4x4 row-major, x right, y down, z forward, metres; world z up",
        "room_m": list(studio.room_m),
        "objects": [asdict(thing) for thing in studio.objects],
        "frames": frames,
        "masks_sha256": masks.hexdigest(),
        "pictures_sha256": pictures.hexdigest(),
    }


def stored_maps(frame: RoomFrame) -> dict[str, np.ndarray]:
    """A frame's arrays as they are stored, by folder."""
    return {
        "color": frame.rgb,
        "objects": frame.object_ids.astype("<u2"),
        "parts": frame.part_ids.astype("<u2"),
        "depth": np.rint(frame.depth_m * np.float32(1 / DEPTH_SCALE_M)).astype("<u2"),
    }


def read_scene_file(folder: Path) -> dict[str, Any]:
    """A room's scene.json.

    Raises:
        BadInput: there is none in the folder, or it is not one of a generated room.
    """
    path = folder / "scene.json"
    try:
        scene = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadInput(
            f"{folder}: expected a generated room with its scene.json, found something else; move it away or "
            "give the dataset another root"
        ) from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise BadInput(f"{path}: expected JSON, found {error}; delete {folder} to render it anew") from error
    if not isinstance(scene, dict) or scene.get("format") != FORMAT:
        raise BadInput(
            f"{path}: expected format {FORMAT!r}; move {folder} away or give the dataset another root"
        )
    return scene
