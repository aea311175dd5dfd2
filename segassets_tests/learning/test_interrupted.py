"""What is said when a training finds the traces of one that was killed, and which of several processes is blamed."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from segassets.learning.interrupted import RUNNING, how_it_ended, word_left
from segassets.learning.launch import _guilty
from segassets.runtime.oom import MemoryEvents


def counters(folder: Path, kills: int) -> MemoryEvents:
    path = folder / "memory.events"
    path.write_text(f"low 0\noom {kills}\noom_kill {kills}\n")
    return MemoryEvents(path)


@pytest.mark.parametrize(
    ("kills", "message"),
    [(4, "memory was used up.*batch_size"), (3, "without a word.*gone on with"), (0, "word")],
)
def test_what_a_killed_training_leaves(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, kills: int, message: str
) -> None:
    with word_left(tmp_path, counters(tmp_path, 3)):
        left = (tmp_path / RUNNING).read_text()
    assert not (tmp_path / RUNNING).exists() and how_it_ended(tmp_path, counters(tmp_path, 3)) is None
    (tmp_path / RUNNING).write_text(left)
    with caplog.at_level(logging.WARNING), pytest.raises(RuntimeError):
        with word_left(tmp_path, counters(tmp_path, kills)):
            raise RuntimeError
    assert len(caplog.records) == 1 and re.search(message, caplog.text)
    assert not (tmp_path / RUNNING).exists()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"memory": null}', '{"memory": {}}'])
def test_spoilt_word_is_word_enough(tmp_path: Path, text: str) -> None:
    (tmp_path / RUNNING).write_text(text)
    assert "without a word" in str(how_it_ended(tmp_path, MemoryEvents(None)))


@pytest.mark.parametrize(
    ("explains", "blamed"), [((0, 2, 0), 1), ((0, 1, 0), 1), ((0, 0, 0), 0), ((1, 1, 2), 2)]
)
def test_the_cause_is_blamed(explains: tuple[int, ...], blamed: int) -> None:
    failing = [sys.executable, "-c", "raise SystemExit(1)"]
    workers = [SimpleNamespace(process=subprocess.Popen(failing), explains=value) for value in explains]
    workers[0].process.wait()
    assert _guilty(workers[0], workers) is workers[blamed]  # type: ignore[arg-type,list-item]
