"""A training leaves word while it runs, so that the next one can say how an earlier one ended. No torch."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from segassets.runtime.oom import MemoryEvents, memory_events
from segassets.storage.atomic import write_text

RUNNING = "running.json"
LESS_MEMORY = (
    "lower data.*.batch_size, data.*.frames, data.*.max_objects, image_size or prompts.correction_clicks, set "
    "trainer.activation_checkpointing=true or a smaller trainer.precision, or freeze image_encoder "
    "(modules.trainable); trainer.accumulate keeps the effective batch"
)
KILLED_FOR_MEMORY = f"killed by the system because the memory was used up; {LESS_MEMORY}"

_log = logging.getLogger(__name__)


@contextmanager
def word_left(folder: Path, watch: MemoryEvents | None = None) -> Iterator[None]:
    """`folder/running.json` is there while the block runs, and stays when the process is killed in it.

    What an earlier process left is told as a warning first.

    Args:
        watch: the counters of memory to remember; those of this process by default.
    """
    watch = watch or memory_events()
    if how := how_it_ended(folder, watch):
        _log.warning(how)
    path = folder / RUNNING
    write_text(path, json.dumps({"process": os.getpid(), "memory": watch.counters()}))
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def how_it_ended(folder: Path, watch: MemoryEvents) -> str | None:
    """How the training that left word in `folder` ended, in words; None where none did."""
    path = folder / RUNNING
    if not path.is_file():
        return None
    try:
        before = json.loads(path.read_text("utf-8"))["memory"].get("oom_kill")
    except (ValueError, KeyError, AttributeError, TypeError):
        before = None
    now = watch.counters().get("oom_kill")
    if before is not None and now is not None and now > before:
        return f"{folder}: the training that ran here before was probably {KILLED_FOR_MEMORY}"
    return (
        f"{folder}: the training that ran here before ended without a word (killed, or the machine stopped); it is "
        f"gone on with. If memory was short: {LESS_MEMORY}"
    )
