"""Mask tables as objects: masks and tracks whose pixels are decoded only when asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segassets.errors import BadInput
from segassets.masks import rle

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Mask:
    """One row of a mask table.

    Attributes:
        row: the columns of schema MASKS.
    """

    row: dict[str, Any]

    def __getattr__(self, name: str) -> Any:
        if name == "row" or name not in self.row:  # `row` itself is missing while a copy is being made
            raise AttributeError(f"a mask has no column '{name}'")
        return self.row[name]

    def array(self) -> np.ndarray:
        """Boolean (height, width), decoded now."""
        return rle.decode(self.row["rle_counts"], self.row["height"], self.row["width"])


class Masks:
    """Masks of one scene: a table, decoded mask by mask only when asked.

    Attributes:
        table: schema MASKS.
    """

    def __init__(self, table: pa.Table) -> None:
        self.table = table

    def __len__(self) -> int:
        return self.table.num_rows

    def __iter__(self) -> Iterator[Mask]:
        return (Mask(row) for batch in self.table.to_batches() for row in batch.to_pylist())

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {len(self)} masks on {len(self.frames)} frames>"

    def to_pandas(self) -> pd.DataFrame:
        """The table as a data frame."""
        return self.table.to_pandas()

    @property
    def frames(self) -> list[int]:
        """Frames that have masks, ascending."""
        return sorted(pc.unique(self.table.column("frame")).to_pylist())

    def select(self, **columns: Any) -> Masks:
        """The masks whose columns have these values, e.g. `select(level=2, frame=0)`.

        Raises:
            BadInput: there is no such column.
        """
        return Masks(_select(self.table, columns))

    def mask(self, mask_id: int) -> np.ndarray:
        """Boolean (height, width) of one mask.

        Raises:
            BadInput: there is no such mask.
        """
        found = self.select(mask_id=mask_id)
        if not len(found):
            raise BadInput(f"expected a mask_id of this table, found {mask_id}")
        return next(iter(found)).array()


class Tracks(Masks):
    """Tracks of one scene; iterating gives each `Track`.

    Attributes:
        table: the masks, schema MASKS.
        summary: one row a track, schema TRACKS.
    """

    def __init__(self, table: pa.Table, summary: pa.Table) -> None:
        super().__init__(table)
        self.summary = summary

    def __len__(self) -> int:
        return self.summary.num_rows

    def __iter__(self) -> Iterator[Track]:  # type: ignore[override]
        return (self._track(row) for row in self.summary.to_pylist())

    def __repr__(self) -> str:
        return f"<Tracks: {len(self)} tracks, {self.table.num_rows} masks on {len(self.frames)} frames>"

    def track(self, track_id: int) -> Track:
        """One track.

        Raises:
            BadInput: there is no such track.
        """
        rows = self.summary.filter(pc.equal(self.summary.column("track_id"), track_id)).to_pylist()
        if not rows:
            raise BadInput(f"expected a track_id of this scene, found {track_id}")
        return self._track(rows[0])

    def _track(self, row: dict[str, Any]) -> Track:
        return Track(row, _select(self.table, {"track_id": row["track_id"]}))


@dataclass(frozen=True)
class Track:
    """One identity through time.

    Attributes:
        row: its summary, the columns of schema TRACKS.
        table: its masks, schema MASKS, one a frame.
    """

    row: dict[str, Any]
    table: pa.Table

    @property
    def track_id(self) -> int:
        """Stable identity, from 1."""
        return self.row["track_id"]

    @property
    def level(self) -> int:
        """Level of the candidate that founded it."""
        return self.row["level"]

    @cached_property
    def frames(self) -> list[int]:
        """Frames on which it has a mask, ascending."""
        return sorted(self.table.column("frame").to_pylist())

    def mask(self, frame: int) -> np.ndarray:
        """Boolean (height, width) on a frame, decoded now; all False where the track is absent."""
        rows = _select(self.table, {"frame": frame}).to_pylist()
        if rows:
            return Mask(rows[0]).array()
        return np.zeros((self.table.column("height")[0].as_py(), self.table.column("width")[0].as_py()), bool)

    def masks(self) -> Iterator[tuple[int, np.ndarray]]:
        """(frame, boolean (height, width)) of each frame it is on, one decoded at a time."""
        return ((row["frame"], Mask(row).array()) for row in self.table.sort_by("frame").to_pylist())


def _select(table: pa.Table, columns: dict[str, Any]) -> pa.Table:
    for name, value in columns.items():
        if name not in table.column_names:
            raise BadInput(f"expected a column of the mask table, found '{name}': {table.column_names}")
        table = table.filter(pc.equal(table.column(name), value))
    return table
