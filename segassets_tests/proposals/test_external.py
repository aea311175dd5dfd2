"""The file contract of external engines, with programs that obey it and programs that break it."""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from segassets.errors import BadConfig, EngineFailed
from segassets.masks.table import validate_masks
from segassets.proposals.config import CandidateConfig
from segassets.proposals.engine import make_engine
from segassets.proposals.scene import propose_scene
from segassets_tests.proposals.truth import Pictures

STAND_IN = str(Path(__file__).with_name("stand_in.py"))


def config_of(behaviour: str, **values) -> CandidateConfig:
    return CandidateConfig(
        **{
            "engine": "external",
            "external_python": sys.executable,
            "external_program": [STAND_IN, behaviour],
            "keyframe_stride": 1,
            "levels": [2, 4, 6],
        }
        | values
    )


def frames(number: int = 3) -> Pictures:
    return Pictures([np.full((40, 60, 3), 50 * (i + 1), np.uint8) for i in range(number)])


def no_model():
    raise AssertionError("an external engine needs no model of ours")


def run(
    config: CandidateConfig, work_dir: Path, source: Pictures | None = None, stats: Counter | None = None
):
    return propose_scene(
        frames() if source is None else source,
        "s",
        make_engine(config, no_model),
        config,
        None,
        work_dir,
        stats,
    )


def test_a_program_that_obeys(tmp_path):
    table = run(config_of("obeys", external_env={"STAND_IN": "a test"}), tmp_path)
    validate_masks(table)
    rows = table.to_pylist()
    assert [row["frame"] for row in rows] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert [row["level"] for row in rows[:3]] == [2, 4, 6]
    assert [row["parent_id"] for row in rows[:3]] == [0, 1, 2]
    assert [row["area"] for row in rows[:3]] == [
        40 * 30,
        20 * 30,
        10 * 15,
    ]  # the part is clamped to its whole
    assert rows[0]["predicted_iou"] == pytest.approx(50 / 255)  # the pictures are the frames
    assert rows[6]["predicted_iou"] == pytest.approx(150 / 255)
    assert "of a test" in (tmp_path / "external" / "program.log").read_text()


@pytest.mark.parametrize(("behaviour", "masks"), [("json", 3), ("none", 0)])
def test_other_sound_results(tmp_path, behaviour, masks):
    assert run(config_of(behaviour), tmp_path).num_rows == masks


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        ("crashes", r"ended with exit code 1, without results for 2 frames \(1, 2\).*CUDA out of memory"),
        ("killed", r"ended with signal 9, without results for 3 frames"),
        ("forgets", r"ended with exit code 0, without results for 1 frames \(2\)"),
        (
            "garbage_npz",
            r"frame 0: 000000\.npz: expected an npz file of plain arrays, found File is not a zip file",
        ),
        ("garbage_json", r"frame 0: 000000\.json: expected a JSON result"),
        ("pickle", r"frame 0: .*expected `masks`"),
        ("wrong_size", r"expected size \(height, width\) \(40, 60\), found \(41, 60\)"),
        ("wrong_shape", r"expected `masks` of shape \(1, 300\).*found \(1, 3\)"),
        ("huge", r"expected `masks` of shape \(9999, 300\).*found \(9999, 1000000000000\)"),
        ("no_level", r"expected arrays masks, level, size, found no level"),
        ("unknown_level", r"expected levels of \[2, 4, 6\], found \[5\]"),
        ("bad_score", r"expected numbers of 0\.\.1 .* in `stability`, found \[1\.5\]"),
        ("text_score", r"expected numbers of 0\.\.1 .* in `stability`, found \['high'\]"),
        ("bad_parent", r"expected parents as positions below 1 or -1, found \[7\]"),
        ("own_parent", r"expected parents of a coarser level; mask 0 \(level 2\) has parent 0"),
        ("lying_rle", r"000000\.json: mask 0: expected"),
        ("rle_of_another_size", r"expected RLE runs that sum to 2400"),
    ],
)
def test_programs_that_break_the_contract(tmp_path, behaviour, said):
    with pytest.raises(EngineFailed, match=re.compile(said, re.DOTALL)) as failure:
        run(config_of(behaviour), tmp_path)
    assert f"stand-in {behaviour}" in str(failure.value)  # the log's tail
    assert str(tmp_path / "external" / "program.log") in str(failure.value)


def test_a_program_that_stands_still_is_ended_with_its_children(tmp_path):
    pid_file = tmp_path / "child"
    config = config_of("hangs", external_timeout_s=1.5, external_env={"CHILD_PID": str(pid_file)})
    with pytest.raises(EngineFailed, match=r"no new result for 1\.5 s \(external_timeout_s\).*frame 0"):
        run(config, tmp_path)
    status = Path("/proc") / pid_file.read_text() / "stat"
    deadline = time.monotonic() + 5
    while status.exists() and status.read_text().split()[2] != "Z" and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not status.exists() or status.read_text().split()[2] == "Z"


def test_a_program_that_lingers_after_its_last_result_is_not_waited_for_long(tmp_path, monkeypatch):
    monkeypatch.setattr("segassets.proposals.external.GRACE_S", 0.2)
    assert run(config_of("lingers"), tmp_path).num_rows == 3


def test_frames_done_before_a_crash_are_not_asked_for_again(tmp_path):
    with pytest.raises(EngineFailed):
        run(config_of("crashes"), tmp_path)
    source, stats = frames(), Counter()
    table = run(config_of("obeys"), tmp_path, source, stats)
    assert stats["resumed"] == 1
    assert source.decoded == [1, 2]
    assert sorted(set(table.column("frame").to_pylist())) == [0, 1, 2]


def test_a_missing_interpreter_is_named(tmp_path):
    with pytest.raises(
        BadConfig, match="external_python: expected a Python interpreter, found no '/no/python'"
    ):
        run(config_of("obeys", external_python="/no/python"), tmp_path)


def test_our_own_environment_is_not_handed_on(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/ours")
    script = tmp_path / "shows.py"
    script.write_text("import os, sys; sys.exit(f'PYTHONPATH={os.environ.get(\"PYTHONPATH\")}')")
    with pytest.raises(EngineFailed, match="PYTHONPATH=None"):
        run(config_of("", external_program=[str(script)]), tmp_path)


def test_a_scene_without_frames_starts_nothing(tmp_path):
    assert run(config_of("crashes"), tmp_path, frames(0)).num_rows == 0
    assert not (tmp_path / "external" / "program.log").exists()


def test_a_program_of_an_abandoned_run_is_ended(tmp_path):
    config = config_of("hangs", external_env={"CHILD_PID": str(tmp_path / "child")}, external_timeout_s=30.0)
    source = frames()
    answers = make_engine(config, no_model).propose(source.iterate(), tmp_path)

    def interrupt_once_it_runs() -> None:
        while not ((tmp_path / "child").is_file() and (tmp_path / "child").read_text()):
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt_once_it_runs, daemon=True)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # whatever other tests made of it
    try:
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            next(answers)
        thread.join()
    finally:
        signal.signal(signal.SIGINT, before)
    pid = (tmp_path / "child").read_text()
    time.sleep(0.2)
    stat = Path("/proc") / pid / "stat"
    assert not stat.exists() or stat.read_text().split()[2] == "Z"
