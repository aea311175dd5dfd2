"""A video's masks as a folder of id pictures (`mask_*.png`, as VideoCutLER writes them), as tubes.

Each picture is decoded once. It belongs to the frame whose name ends in the same number, else to the frame of the same
place in order; a frame without a picture has no masks.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from segassets.datasets.files import natural_key
from segassets.datasets.id_pictures import read_id_runs
from segassets.datasets.shared_ids import MIN_SHARE, split_id
from segassets.errors import BadInput, SegassetsError
from segassets.masks.id_maps import IdRuns, frames_in_pieces
from segassets.masks.tubes import Tubes

Shared = Literal["auto", "split", "report"]
_RED = 1 << 16  # colours of a palette have red; ids written as R << 16 | G << 8 | B seldom get there
_SUSPECT_FRAMES = 3


class UnusableMasks(BadInput):
    """A video's masks cannot be used; `reason` is what a skip report says of it."""

    def __init__(self, reason: Literal["unpaired_masks", "other_size", "unreadable"], message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True)
class IdFolder:
    """What a folder held.

    Attributes:
        tubes: one a instance, ids as in the pictures; further instances of a shared id get ids after the largest.
        pictures: frames that have a picture, empty ones included.
        pairing: how pictures found their frames: number, order or position.
        shared: ids that seem to hold several instances: {id, frames (in several pieces), instances (told apart),
            unclear (frames on which one of them is still in pieces)}.
    """

    tubes: Tubes
    pictures: list[int]
    pairing: str
    shared: list[dict[str, Any]]


def list_masks(folder: Path, pattern: str = "mask_*.png", fallback: str = "*.png") -> list[Path]:
    """The mask pictures of a video in natural order; empty where there is no folder."""
    found = list(folder.glob(pattern)) or list(folder.glob(fallback))
    return sorted((path for path in found if path.is_file()), key=lambda path: natural_key(path.name))


def read_id_folder(
    pictures: Sequence[Path],
    frame_names: Sequence[str],
    size_hw: tuple[int, int] | None,
    shared: Shared = "auto",
) -> IdFolder:
    """Read the mask pictures of one video.

    Args:
        pictures: as `list_masks` gives them.
        frame_names: file names of the video's frames, in order.
        size_hw: of the frames; None takes that of the first picture.
        shared: ids that hold several instances: tell them apart, only report them, or tell apart those of colours.

    Raises:
        UnusableMasks: pictures fit no frame or two fit one, have another size than the frames, or cannot be read.
    """
    frames, pairing = pair(pictures, frame_names)
    masks: dict[int, dict[int, str]] = {}
    maps: list[IdRuns] = []
    colours = False
    for path, frame in zip(pictures, frames, strict=True):
        try:
            runs, in_colour = read_id_runs(path)
        except SegassetsError as error:
            raise UnusableMasks("unreadable", str(error)) from error
        size_hw = size_hw or (runs.height, runs.width)
        if (runs.height, runs.width) != size_hw:
            raise UnusableMasks(
                "other_size",
                f"{path}: expected a map of {size_hw[0]} x {size_hw[1]} (height x width) like its video, found "
                f"{runs.height} x {runs.width}",
            )
        colours |= in_colour
        for key, counts in runs.counts().items():
            masks.setdefault(key, {})[frame] = counts
        maps.append(runs)
    height, width = size_hw or (1, 1)
    of_palette = colours and max(masks, default=0) >= _RED
    split = shared == "split" or (shared == "auto" and of_palette)
    found, report = _told_apart(masks, frames_in_pieces(maps, MIN_SHARE), height, width, split)
    tubes = Tubes(height, width, [found[key] for key in sorted(found)], np.array(sorted(found), np.int64))
    return IdFolder(tubes, sorted(frames), pairing, report)


def of_selection(
    pictures: Sequence[Path], frame_names: Sequence[str], source_frames: Sequence[int]
) -> tuple[list[Path], list[str]]:
    """The pictures of selected frames, where there may be pictures of all; and the names to pair them by.

    A picture's number is looked for in the names of the frames, then among their numbers in the whole footage.

    Args:
        source_frames: number of each frame in the whole footage.
    """
    names = list(frame_names)
    if list(source_frames) == list(range(len(names))) and len(pictures) <= len(names):
        return list(pictures), names
    for candidates in (names, [f"{number}.jpg" for number in source_frames]):
        known = {_number(name) for name in candidates}
        kept = [path for path in pictures if _number(path.name) in known]
        if kept:
            return kept, candidates
    return list(pictures), names


def pair(pictures: Sequence[Path], frame_names: Sequence[str]) -> tuple[list[int], str]:
    """The frame (position) of each mask picture, and by what: number, order or position.

    By the last number in the names where every picture's number is that of one frame; else in order, where there are as
    many pictures as frames; else a picture's number is the position of its frame.

    Raises:
        UnusableMasks: none of these.
    """
    numbers = [_number(path.name) for path in pictures]
    frame_numbers = [_number(name) for name in frame_names]
    distinct = len(set(numbers)) == len(numbers)
    known = {number: at for at, number in enumerate(frame_numbers) if number is not None}
    if distinct and len(known) == len(frame_names) and all(number in known for number in numbers):
        return [known[number] for number in numbers if number is not None], "number"
    if len(pictures) == len(frame_names):
        return list(range(len(pictures))), "order"
    positions = [number for number in numbers if number is not None and number < len(frame_names)]
    if distinct and len(positions) == len(pictures):
        return positions, "position"
    strays = [path.name for path, number in zip(pictures, numbers, strict=True) if number not in known]
    what = f"no frame for {strays[0]}" if strays else "two mask pictures of one number"
    raise UnusableMasks(
        "unpaired_masks",
        f"{pictures[0].parent}: expected mask pictures numbered like the {len(frame_names)} frames, or as many as "
        f"them, found {len(pictures)} and {what}",
    )


def _number(name: str) -> int | None:
    found = re.findall(r"\d+", name.rsplit(".", 1)[0])
    return int(found[-1]) if found else None


def _told_apart(
    masks: dict[int, dict[int, str]], broken: Counter[int], height: int, width: int, split: bool
) -> tuple[dict[int, dict[int, str]], list[dict[str, Any]]]:
    """Masks by id with the instances of shared ids told apart (when `split`), and what was found.

    Args:
        broken: frames on which each id is in several pieces.
    """
    found: dict[int, dict[int, str]] = {}
    report: list[dict[str, Any]] = []
    following = max(masks, default=0) + 1
    for key, by_frame in masks.items():
        found[key] = by_frame
        if broken[key] < min(_SUSPECT_FRAMES, len(by_frame)):
            continue
        record = {"id": key, "frames": broken[key], "instances": 1, "unclear": broken[key]}
        if split:
            result = split_id(by_frame, height, width, _SUSPECT_FRAMES)
            record |= {"instances": len(result.parts), "unclear": result.unclear}
            found[key] = result.parts[0]
            for part in result.parts[1:]:
                found[following] = part
                following += 1
        report.append(record)
    return found, report
