"""Depth maps on disk: `depth/%06d.npz` by frame (values, valid) and `depth.parquet`, which says what they are."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from segassets.errors import BadInput, MissingInput
from segassets.lifting.depth import KINDS, Alignment, Depth, DepthMap
from segassets.lifting.resolve import aligned
from segassets.masks.schemas import DEPTH_MAPS
from segassets.masks.table import read_table, write_table
from segassets.storage import atomic

TABLE = "depth.parquet"


def map_path(folder: Path, frame: int) -> Path:
    """The file of a frame's map."""
    return folder / "depth" / f"{frame:06d}.npz"


def save_map(
    folder: Path, frame_row: Mapping[str, Any], found: DepthMap, alignment: Alignment | None
) -> dict[str, Any]:
    """Write one frame's map; returns its row for `save_table`.

    A network's values are stored as float16, a sensor's as float32.

    Args:
        frame_row: row of the frames table.
        alignment: what makes it depth; None for a relative map that nobody asked to align.
    """
    kind = np.float32 if found.source == "sensor" or np.abs(found.values).max(initial=0) > 6e4 else np.float16
    stream = io.BytesIO()
    np.savez_compressed(stream, depth=found.values.astype(kind), valid=found.valid)
    atomic.write_bytes(map_path(folder, frame_row["frame"]), stream.getvalue())
    height, width = found.size_hw
    fitted = alignment is not None and alignment.method == "points"
    return {
        **{name: frame_row[name] for name in ("scene", "frame", "source_frame")},
        "height": height,
        "width": width,
        **{name: getattr(found, name) for name in ("kind", "unit", "invalid_rule", "source")},
        "valid_px": int(found.valid.sum()),
        "method": alignment.method if alignment else "none",
        "depth_unit": None if alignment is None else "arbitrary" if alignment.method == "arbitrary" else "m",
        "scale": alignment.scale if alignment else None,
        "shift": alignment.shift if alignment else None,
        "points_given": alignment.points_given if alignment and fitted else None,
        "points_used": alignment.points_used if alignment and fitted else None,
        "residual": alignment.residual if alignment and fitted else None,
    }


def save_table(folder: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write the table of all maps."""
    columns = {name: [row[name] for row in rows] for name in DEPTH_MAPS.names}
    write_table(pa.table(columns, schema=DEPTH_MAPS), DEPTH_MAPS, folder / TABLE)


def load_rows(folder: Path) -> dict[int, dict[str, Any]]:
    """Rows of the table by frame."""
    return {row["frame"]: row for row in read_table(folder / TABLE, DEPTH_MAPS).to_pylist()}


def load_map(folder: Path, row: Mapping[str, Any]) -> DepthMap:
    """The map of a row.

    Raises:
        MissingInput: its file is gone.
        BadInput: the file is damaged or not of the size the table says.
    """
    path = map_path(folder, row["frame"])
    try:
        with np.load(path, allow_pickle=False) as archive:
            values, valid = archive["depth"].astype(np.float32), archive["valid"]
    except FileNotFoundError:
        raise MissingInput(f"expected the depth of frame {row['frame']} at {path}, found nothing") from None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise BadInput(f"{path}: expected depth and valid as npz, found {error}") from error
    size = (row["height"], row["width"])
    if values.shape != size or valid.shape != size or valid.dtype != bool or row["kind"] not in KINDS:
        raise BadInput(
            f"{path}: expected a map of {size[0]} x {size[1]}, found {values.shape}, {valid.shape}"
        )
    return DepthMap(values, valid, row["kind"], row["unit"], row["invalid_rule"], row["source"])


def load_depth(folder: Path, row: Mapping[str, Any]) -> Depth | None:
    """The depth of a row; None where the map was stored without scale and shift.

    Raises:
        MissingInput, BadInput: see `load_map`.
    """
    if row["scale"] is None:
        return None
    nothing = float("nan")
    alignment = Alignment(
        row["method"],
        row["scale"],
        row["shift"],
        row["points_given"] or 0,
        row["points_used"] or 0,
        nothing if row["residual"] is None else row["residual"],
    )
    return aligned(load_map(folder, row), alignment, f"scene {row['scene']}, frame {row['frame']}")


def stored_depths(folder: Path) -> Iterator[tuple[int, Depth]]:
    """Yields (frame, depth) of every map that has scale and shift, in order of time."""
    for frame, row in sorted(load_rows(folder).items()):
        depth = load_depth(folder, row)
        if depth is not None:
            yield frame, depth


class DepthMaps:
    """The depth maps of a scene, read when asked for.

    Args:
        folder: a depth_maps artifact.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.rows = load_rows(folder)

    @property
    def frames(self) -> list[int]:
        """Frames that have a map."""
        return sorted(self.rows)

    def row(self, frame: int) -> dict[str, Any]:
        """What the map of a frame is: kind, unit, method, scale, ... (schema DEPTH_MAPS).

        Raises:
            MissingInput: the frame has none.
        """
        if frame not in self.rows:
            raise MissingInput(
                f"{self._folder}: expected a depth map of frame {frame}, found those of {self.frames}"
            )
        return self.rows[frame]

    def values(self, frame: int) -> DepthMap:
        """The map as it came: `values` (H, W) float32 of `kind`, `valid` (H, W)."""
        return load_map(self._folder, self.row(frame))

    def depth(self, frame: int) -> Depth | None:
        """Depth along the optical axis: `z` (H, W) float32, `valid`, `unit`; None where relative and not aligned."""
        return load_depth(self._folder, self.row(frame))
