"""The blocking check of `frames`."""

from __future__ import annotations

from segassets.errors import BadInput
from segassets.orchestration.checks import Check, Figures
from segassets.orchestration.work import SceneWork


def _frames_whole(work: SceneWork) -> Figures:
    table = work.frames  # reading holds it to its schema
    frame, source = (table.column(name).to_pylist() for name in ("frame", "source_frame"))
    count = len(frame)
    if count == 0 or count != len(work.scene.frames):
        raise BadInput(f"expected the {len(work.scene.frames)} selected frames, found {count}")
    if frame != list(range(count)) or len(set(source)) != count:
        raise BadInput("expected frames numbered from 0 in order and each source frame once, found others")
    ends = sorted({0, count // 2, count - 1})
    for _ in work.source.iterate(ends):
        pass  # reading raises when a picture is unreadable or not of the size the table says
    return {"frames": count, "frames_read": len(ends)}


# One check, not three: frames are made for a thousand small scenes at a time, where every event counts.
FRAMES_CHECKS = (
    Check(
        "whole",
        "Schema, ids and coverage: every selected frame is listed once and in order; first, middle and last picture "
        "can be read and have the stated size.",
        _frames_whole,
    ),
)
