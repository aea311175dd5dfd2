"""Miniatures of CholecSeg8k, EndoVis 2017 and EndoVis 2018, laid out and encoded as the originals are.

Every function returns what is in the files: scene name -> list over frames of maps (H, W) of class ids, -1 where
nothing is labelled.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from .made_shapes import SIZE_HW, picture, shapes, write_picture

Truth = dict[str, list[np.ndarray]]

WATERSHED = [50, 11, 21, 13, 12, 31, 23, 24, 25, 32, 22, 33, 5]  # value of class 0, 1, ... 12
ENDOVIS18_COLOURS = [
    ("background-tissue", [0, 0, 0]),
    ("instrument-shaft", [0, 255, 0]),
    ("instrument-clasper", [0, 255, 255]),
    ("instrument-wrist", [125, 255, 12]),
    ("kidney-parenchyma", [255, 55, 0]),
    ("covered-kidney", [24, 55, 125]),
    ("thread", [187, 155, 25]),
    ("clamps", [0, 255, 125]),
    ("suturing-needle", [255, 255, 125]),
    ("suction-instrument", [123, 15, 175]),
    ("small-intestine", [124, 155, 5]),
    ("ultrasound-probe", [12, 255, 141]),
]


def make_cholecseg8k(
    root: Path,
    clips: Sequence[str] = ("video01/video01_00080", "video12/video12_15750"),
    frames: int = 6,
    size_hw: tuple[int, int] = SIZE_HW,
) -> Truth:
    """Clips in which all 13 classes occur between them, with the border of 255 and one stray pixel of 0."""
    truth: Truth = {}
    for number, clip in enumerate(clips):
        video, name = clip.split("/")
        first = int(name.rsplit("_", 1)[1])
        groups = np.array_split(np.arange(1, 13), len(clips))
        classes = np.concatenate([[0], groups[number]])
        truth[name] = []
        for frame in range(frames):
            labels = shapes(frame + 10 * number, len(classes) - 1, size_hw)
            values = np.array(WATERSHED)[classes][labels].astype(np.uint8)
            values[0], values[-1], values[:, 0], values[:, -1] = 255, 255, 255, 255
            values[2, 2] = 0
            ids = classes[labels]
            ids[(values == 255) | (values == 0)] = -1
            stem = root / video / name / f"frame_{first + frame}_endo"
            write_picture(stem.with_suffix(".png"), picture(labels, frame))
            write_picture(Path(f"{stem}_watershed_mask.png"), np.repeat(values[:, :, None], 3, 2))
            write_picture(Path(f"{stem}_color_mask.png"), picture(labels))
            write_picture(Path(f"{stem}_mask.png"), picture(labels))
            truth[name].append(ids)
    return truth


ENDOVIS17_TOOLS = {  # folder -> class id in configs/labels/endovis17.yaml
    "Left_Prograsp_Forceps_labels": 2,
    "Right_Prograsp_Forceps_labels": 2,
    "Maryland_Bipolar_Forceps_labels": 1,
    "Large_Needle_Driver_Left_labels": 3,
    "Vessel_Sealer_labels": 4,
    "Grasping_Retractor_labels": 5,
    "Monopolar_Curved_Scissors_labels": 6,
    "Other_labels": 7,
}


def make_endovis17(
    root: Path,
    sequences: Mapping[str, Sequence[str]] | None = None,
    frames: int = 6,
    size_hw: tuple[int, int] = SIZE_HW,
) -> Truth:
    """Sequences with a folder of maps per instrument, parts 10, 20, 30; all 8 classes occur between them."""
    folders = list(ENDOVIS17_TOOLS)
    sequences = sequences or {"instrument_dataset_1": folders[:4], "instrument_dataset_2": folders[4:]}
    truth: Truth = {}
    for sequence, tools in sequences.items():
        truth[sequence] = []
        for frame in range(frames):
            labels = shapes(frame, len(tools), size_hw)
            ids = np.zeros(size_hw, int)
            for number, tool in enumerate(tools, 1):
                mask = labels == number
                ids[mask] = ENDOVIS17_TOOLS[tool]
                parts = np.where(mask, 10, 0).astype(np.uint8)
                parts[:, size_hw[1] // 2 :][mask[:, size_hw[1] // 2 :]] = 20
                parts[:, size_hw[1] * 3 // 4 :][mask[:, size_hw[1] * 3 // 4 :]] = 30
                write_picture(root / sequence / "ground_truth" / tool / f"frame{frame:03d}.png", parts)
            write_picture(root / sequence / "left_frames" / f"frame{frame:03d}.png", picture(labels, frame))
            truth[sequence].append(ids)
    return truth


def make_endovis18(
    root: Path,
    sequences: Sequence[str] = ("seq_1", "seq_2"),
    frames: int = 6,
    size_hw: tuple[int, int] = SIZE_HW,
) -> Truth:
    """The challenge's own layout: seq_N/{left_frames,labels}/frameNNN.png in 12 colours, labels.json at the root."""
    document = [
        {"name": name, "color": rgb, "classid": at} for at, (name, rgb) in enumerate(ENDOVIS18_COLOURS)
    ]
    root.mkdir(parents=True, exist_ok=True)
    (root / "labels.json").write_text(json.dumps(document))
    colours = np.array([rgb for _, rgb in ENDOVIS18_COLOURS], np.uint8)
    truth: Truth = {}
    for number, sequence in enumerate(sequences):
        classes = np.concatenate([[0], np.array_split(np.arange(1, 12), len(sequences))[number]])
        truth[sequence] = []
        for frame in range(frames):
            labels = shapes(frame, len(classes) - 1, size_hw)
            write_picture(root / sequence / "left_frames" / f"frame{frame:03d}.png", picture(labels, frame))
            write_picture(root / sequence / "labels" / f"frame{frame:03d}.png", colours[classes[labels]])
            truth[sequence].append(classes[labels])
    return truth


def make_endovis18_types(
    root: Path,
    splits: Mapping[str, Sequence[str]] | None = None,
    frames: int = 6,
    size_hw: tuple[int, int] = SIZE_HW,
) -> Truth:
    """The relabelling by instrument type: {train,val}/{images,annotations}/seq_N_frameNNN.png, values 0..7.

    Seven types occur between them; value 1 is class 0, and the background is no class.
    """
    splits = splits or {"train": ["seq_2", "seq_3"], "val": ["seq_1"]}
    names = [(split, sequence) for split, found in splits.items() for sequence in found]
    truth: Truth = {}
    for number, (split, sequence) in enumerate(names):
        values = np.concatenate([[0], np.array_split(np.arange(1, 8), len(names))[number]])
        truth[sequence] = []
        for frame in range(frames):
            labels = shapes(frame, len(values) - 1, size_hw)
            stem = f"{sequence}_frame{frame:03d}.png"
            write_picture(root / split / "images" / stem, picture(labels, frame))
            write_picture(root / split / "annotations" / stem, values[labels].astype(np.uint8))
            truth[sequence].append(values[labels].astype(int) - 1)
    return truth
