"""Masks nobody drew, of one scene: cut from features, or read from the mask pictures another program left."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from segassets.datasets.id_folders import (
    IdFolder,
    UnusableMasks,
    list_masks,
    of_selection,
    read_id_folder,
)
from segassets.datasets.scene import split_uri
from segassets.errors import BadConfig, MissingInput
from segassets.masks.schemas import MASKS
from segassets.masks.table import MaskRows
from segassets.masks.tubes import table_of_tubes
from segassets.proposals.finished import FinishedFrames
from segassets.proposals.maskcut import SOURCE, TokenFeatures, maskcut_candidates
from segassets.proposals.pseudo_config import MaskFolders, PseudoMaskConfig
from segassets.proposals.scene import keyframes

if TYPE_CHECKING:
    from segassets.datasets.frames import FrameSource

VIDEOCUTLER = "videocutler"
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class PseudoMasks:
    """What was found in one scene.

    Attributes:
        masks: schema MASKS; with track ids where the source tells instances through time.
        frames: those that were looked at.
        facts: what the masks are made of, as shown and stored.
        skipped: reason (no_masks, unreadable, ...) and problem, where the masks of the scene could not be used.
    """

    masks: pa.Table
    frames: list[int]
    facts: dict[str, Any] = field(default_factory=dict)
    skipped: dict[str, str] | None = None


def cut_scene(
    source: FrameSource,
    scene: str,
    tokens: TokenFeatures,
    config: PseudoMaskConfig,
    work_dir: Path,
    progress: Progress | None = None,
) -> PseudoMasks:
    """MaskCut on every n-th frame. A killed run goes on after its last finished frame.

    Args:
        work_dir: belongs to this scene, these settings and this network.

    Raises:
        BadInput: a frame cannot be read; names scene, file and frame.
    """
    wanted = list(keyframes(len(source), config.frame_stride))
    finished = FinishedFrames(work_dir / "frames")
    missing = [frame for frame in wanted if finished.load(frame) is None]
    for done, (frame, rgb) in enumerate(source.iterate(missing), len(wanted) - len(missing) + 1):
        found = maskcut_candidates(rgb, tokens, config.maskcut)
        finished.save(frame, found)
        if progress:
            progress(done, len(wanted), f"frame {frame}: {len(found)} masks")
    rows = MaskRows(scene)
    for frame in wanted:
        candidates = finished.load(frame)
        assert candidates is not None
        for at, counts in enumerate(candidates.rle_counts):
            rows.add(
                frame=frame, source_frame=source.source_frame(frame), height=candidates.height,
                width=candidates.width, rle_counts=counts, source=SOURCE, score=_share(candidates.score[at]),
                stability=_share(candidates.stability[at]),
            )  # fmt: skip
    facts = {"features": tokens.description, "resumed": len(wanted) - len(missing)}
    return PseudoMasks(rows.to_table(), wanted, facts)


def scene_folder(folders: MaskFolders, scene: str, name: str) -> Path:
    """Where the mask pictures of a scene lie.

    Raises:
        MissingInput: the folder of all videos is not there.
        BadConfig: the scene's folder lies outside it.
    """
    root = Path(os.path.expandvars(folders.root)).expanduser()
    if not root.is_dir():
        raise MissingInput(f"'pseudo_masks.masks.root': expected a folder of videos at {root}, found nothing")
    folder = root / (name if folders.folder == "name" else scene)
    if not folder.resolve().is_relative_to(root.resolve()):
        raise BadConfig(f"the folder of scene {scene}, {folder}, lies outside {root}")
    return folder


def read_scene(
    folder: Path,
    source: FrameSource,
    scene: str,
    folders: MaskFolders,
    *,
    strict: bool = False,
    by_position: bool = False,
) -> PseudoMasks:
    """The mask pictures of one scene, instances told apart by their ids.

    Args:
        folder: of the scene; one without pictures is a scene without instances.
        strict: refuse what cannot be used instead of recording it as skipped.
        by_position: pictures are numbered as the selected frames are, not as the files of the footage.

    Raises:
        UnusableMasks: with `strict`, a picture that is no map of ids, fits no frame or has another size.
    """
    pictures = list_masks(folder, folders.mask_glob)
    if not pictures:
        return PseudoMasks(MASKS.empty_table(), [], {"mask_dir": str(folder), "pictures": 0})
    source_frames = source.table.column("source_frame").to_pylist()
    try:
        if not source.same_size:
            raise UnusableMasks("other_size", f"scene {scene}: expected frames of one size, as footage has")
        if by_position:
            names = [f"{frame:05d}.jpg" for frame in range(len(source))]
        else:
            pictures, names = of_selection(pictures, _names(source), source_frames)
        found = read_id_folder(pictures, names, (source.height, source.width), folders.shared_ids)
    except UnusableMasks as error:
        if strict:
            raise
        return PseudoMasks(MASKS.empty_table(), [], skipped={"reason": error.reason, "problem": str(error)})
    table = table_of_tubes(scene, found.tubes, source_frames, VIDEOCUTLER, scored=False)
    return PseudoMasks(table, found.pictures, _facts(folder, found))


def _names(source: FrameSource) -> list[str]:
    """File names of the frames; the number in the footage where they lie in a video."""
    uris, numbers = (source.table.column(name).to_pylist() for name in ("uri", "source_frame"))
    parts = [split_uri(uri) for uri in uris]
    return [
        PurePosixPath(path).name if index is None else f"{number:05d}.jpg"
        for (path, index), number in zip(parts, numbers, strict=True)
    ]


def _facts(folder: Path, found: IdFolder) -> dict[str, Any]:
    return {
        "mask_dir": str(folder),
        "pictures": len(found.pictures),
        "paired_by": found.pairing,
        "shared_ids": found.shared,
    }


def _share(value: np.floating) -> float:
    return min(max(float(value), 0.0), 1.0)


def folder_version(folder: Path, folders: MaskFolders) -> str:
    """16 hex digits that change with the mask pictures of a scene: their names, sizes and times."""
    pictures = list_masks(folder, folders.mask_glob)
    facts = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in pictures]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]
