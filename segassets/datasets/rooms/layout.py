"""The layout `rooms`: generated rooms as a dataset, each rendered once under the root, then read back."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from segassets.datasets.layouts import Layout
from segassets.datasets.rooms.files import DEPTH_SCALE_M, ensure_room, frame_uri, room_identity
from segassets.datasets.rooms.furniture import CATEGORIES
from segassets.datasets.rooms.objects import PARTS_PER_OBJECT
from segassets.datasets.rooms.seeds import EVAL_SEEDS, check_training_seeds
from segassets.datasets.rooms.spec import RoomSpec
from segassets.datasets.scene import OBJECT_LEVEL, PART_LEVEL, AnnotationRow, FrameRecord, Scene
from segassets.errors import BadConfig, BadInput
from segassets.strict import StrictModel


class FrozenRooms(StrictModel):
    """What rooms must come out as, for figures on them to be comparable."""

    generator_version: int = Field(description="Version of the generator that made them.")
    masks_sha256: dict[str, str] = Field(
        description="By scene: SHA-256 of id maps and depth, first 16 digits."
    )
    pictures_sha256: dict[str, str] = Field(description="By scene: SHA-256 of the pictures, first 16 digits.")


class RoomsOptions(StrictModel):
    """Which rooms a dataset consists of."""

    count: int = Field(
        1, ge=1, le=1_000_000, description="Number of rooms; scenes are room_0000, room_0001, ..."
    )
    first_seed: int = Field(0, ge=0, description="Seed of the first room; the others follow one by one.")
    purpose: Literal["training", "evaluation", "demonstration"] = Field(
        "training",
        description="Training refuses the seeds that are kept for evaluation, evaluation all others.",
    )
    room: RoomSpec = Field(RoomSpec.model_validate({}), description="What the rooms are like.")
    frozen: FrozenRooms | None = Field(None, description="Digests the rendered rooms must have.")

    @model_validator(mode="after")
    def _check_seeds(self) -> RoomsOptions:
        seeds = range(self.first_seed, self.first_seed + self.count)
        if self.purpose == "evaluation" and (seeds[0] not in EVAL_SEEDS or seeds[-1] not in EVAL_SEEDS):
            raise ValueError(
                f"first_seed, count: expected seeds within {EVAL_SEEDS.start} to {EVAL_SEEDS.stop - 1} "
                f"for evaluation, found {seeds[0]} to {seeds[-1]}"
            )
        if self.purpose == "training":
            try:
                check_training_seeds(seeds)
            except BadConfig as error:
                raise ValueError(str(error)) from error
        return self

    def seed_of(self, name: str) -> int:
        """The seed of a scene."""
        return self.first_seed + int(name.rpartition("_")[2])


class RoomsLayout(Layout):
    """Rooms by seed: `room_0000` has the first seed."""

    options_type: ClassVar[type[StrictModel]] = RoomsOptions

    def scene_names(self) -> list[str]:
        options = RoomsOptions.model_validate(self.config.options)
        return [f"room_{index:04d}" for index in range(options.count)]

    def load(self, name: str) -> Scene:
        """The scene of a room, rendered first where it is not there yet."""
        options = self.options_of(name)
        assert isinstance(options, RoomsOptions)
        if "://" in self.config.root_url():
            raise BadConfig(
                f"dataset {self.config.name!r}: rooms need a local root, found {self.config.root!r}"
            )
        key, seed = self.config.key_of(name), options.seed_of(name)
        folder = Path(self.config.root_url()) / name
        facts = ensure_room(folder, options.room, seed, lambda frames: _shown(frames, f"rendering {key}"))
        chosen, stored = self.select(name, facts["frames"])
        frames = [_record(source, frame, facts) for source, frame in zip(chosen, stored, strict=True)]
        return Scene(
            key=key,
            dataset=self.config.name,
            name=name,
            root=str(folder),
            frames=frames,
            frames_total=len(facts["frames"]),
            categories=dict(CATEGORIES),
            annotations=lambda: _annotations(folder, frames, facts),
            inputs=["scene.json"],
            identity=room_identity(options.room, seed),
            extras={
                "captions": {str(thing["object_id"]): thing["caption"] for thing in facts["objects"]},
                "objects": facts["objects"],
                "room_m": facts["room_m"],
                "seed": seed,
                "differs_from_frozen": _compare(options.frozen, name, key, facts),
            },
        )


def _shown(frames: Iterable[int], what: str) -> Iterator[int]:
    """Frames with a progress bar on the terminal."""
    from tqdm import tqdm

    yield from tqdm(frames, desc=what, unit="frame", leave=False, disable=None)


def _record(source: int, frame: dict[str, Any], facts: dict[str, Any]) -> FrameRecord:
    fx, fy, cx, cy = facts["intrinsics_px"]
    return FrameRecord(
        source_frame=source,
        uri=frame_uri("color", source),
        height=facts["height"],
        width=facts["width"],
        annotated=True,
        fx_px=fx,
        fy_px=fy,
        cx_px=cx,
        cy_px=cy,
        camera_to_world=frame["camera_to_world"],
        depth_uri=frame_uri("depth", source),
        depth_scale_m=DEPTH_SCALE_M,
    )


def _compare(frozen: FrozenRooms | None, name: str, key: str, facts: dict[str, Any]) -> list[str]:
    """What differs from the frozen digests, as sentences; also said as warnings."""
    if frozen is None:
        return []
    differences = []
    for what in ("masks_sha256", "pictures_sha256"):
        expected, stored = getattr(frozen, what).get(name), facts[what][:16]
        if expected != stored:
            differences.append(
                f"{key}: {what} stored={stored}, expected={expected}: this room is not the frozen one, its "
                f"figures are not comparable; check numpy and the generator's version (stored="
                f"{facts['generator_version']}, expected={frozen.generator_version})"
            )
    for sentence in differences:
        warnings.warn(sentence, stacklevel=2)
    return differences


def _annotations(folder: Path, frames: list[FrameRecord], facts: dict[str, Any]) -> Iterator[AnnotationRow]:
    """Objects (level 2) and their parts (level 4) in every frame; what is not seen has no row."""
    from segassets.masks.rle import encode_batch

    category = {thing["object_id"]: thing["category_id"] for thing in facts["objects"]}
    category |= {
        part["part_id"]: part["category_id"] for thing in facts["objects"] for part in thing["parts"]
    }
    mask_id = 0
    for position, frame in enumerate(frames):
        owner: dict[int, int] = {}
        for which, level in (("objects", OBJECT_LEVEL), ("parts", PART_LEVEL)):
            uri = frame_uri(which, frame.source_frame)
            labels = _read_ids(folder / uri, (frame.height, frame.width), category)
            seen = [int(value) for value in np.unique(labels) if value]
            for track, counts in zip(
                seen, encode_batch(labels == np.array(seen)[:, None, None]), strict=True
            ):
                mask_id += 1
                if level == OBJECT_LEVEL:
                    owner[track] = mask_id
                yield AnnotationRow(
                    frame=position,
                    rle_counts=counts,
                    category_id=category[track],
                    track_id=track,
                    mask_id=mask_id,
                    parent_id=0 if level == OBJECT_LEVEL else owner[track // PARTS_PER_OBJECT],
                    level=level,
                    where=f"{uri}, id {track}",
                )


def _read_ids(path: Path, size: tuple[int, int], known: dict[int, int]) -> np.ndarray:
    from segassets.media.pictures import read_labels

    labels = read_labels(path)
    if labels.shape != size:
        raise BadInput(
            f"{path}: expected {size[0]} x {size[1]} pixels (height x width), found {labels.shape}"
        )
    unknown = sorted({int(value) for value in np.unique(labels)} - set(known) - {0})
    if unknown:
        raise BadInput(
            f"{path}: expected ids listed in scene.json, found {unknown[:5]}; delete the room's folder"
        )
    return labels
