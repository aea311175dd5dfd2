"""What `segassets train` says of a finished training."""

from __future__ import annotations

import pytest

from segassets.cli.train import _show


def test_other_software_is_warned_of(capsys: pytest.CaptureFixture[str]) -> None:
    facts = {
        "asset": "sam2_checkpoint",
        "folder": "/out",
        "checkpoint": "last.pt",
        "figures": {"steps": 3.0},
        "tensorboard": None,
    }
    _show({"oak": {**facts, "other_versions": []}}, "experiment")
    assert capsys.readouterr().err == ""
    _show({"oak": {**facts, "other_versions": ["torch 1.0 when it was trained, 2.0 here"]}}, "experiment")
    said = capsys.readouterr()
    assert "torch 1.0 when it was trained, 2.0 here" in said.err and "oak: 3 steps" in said.out
