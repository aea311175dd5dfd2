"""Freezing a dataset of rooms: the digests that its YAML records, and the figures that say how hard it is.

`python -m segassets.datasets.rooms.freeze rooms_eval` prints both; nothing is changed.
"""

from __future__ import annotations

import hashlib
import sys

import yaml

from segassets.datasets.config import load_dataset
from segassets.datasets.rooms.clip import RoomClip
from segassets.datasets.rooms.difficulty import difficulty
from segassets.datasets.rooms.files import stored_maps
from segassets.datasets.rooms.layout import FrozenRooms, RoomsLayout, RoomsOptions
from segassets.datasets.rooms.studio import GENERATOR_VERSION, RoomFrame, Studio

DIGITS = 16


def render_dataset(name: str, colour: bool = True) -> tuple[list[RoomClip], FrozenRooms]:
    """All rooms of a dataset, rendered in memory, with their digests (of pictures: none without colour)."""
    config = load_dataset(name)
    options = RoomsOptions.model_validate(config.options)
    clips, masks, pictures = [], {}, {}
    for scene in RoomsLayout(config).scene_names():
        studio = Studio(options.room, options.seed_of(scene))
        frames = [studio.frame(t, colour) for t in range(options.room.frames)]
        clips.append(RoomClip.of(studio, frames))
        masks[scene], digest = digests(frames)
        if colour:
            pictures[scene] = digest
    frozen = FrozenRooms(generator_version=GENERATOR_VERSION, masks_sha256=masks, pictures_sha256=pictures)
    return clips, frozen


def digests(frames: list[RoomFrame]) -> tuple[str, str]:
    """First digits of the SHA-256 of a clip's maps (ids and millimetres) and of its pictures."""
    masks, pictures = hashlib.sha256(), hashlib.sha256()
    for frame in frames:
        for folder, values in stored_maps(frame).items():
            (pictures if folder == "color" else masks).update(values.tobytes())
    return masks.hexdigest()[:DIGITS], pictures.hexdigest()[:DIGITS]


def main(name: str) -> None:
    """Print the dataset's figures and the `frozen:` section of its options."""
    clips, frozen = render_dataset(name)
    for what, value in difficulty(clips).items():
        sys.stdout.write(f"# {what}: {value:.3f}\n")
    sys.stdout.write(yaml.safe_dump({"frozen": frozen.model_dump()}, sort_keys=False))


if __name__ == "__main__":
    main(sys.argv[1])
