from __future__ import annotations

import subprocess
import sys

import pytest
from pydantic import ValidationError

from segassets.proposals.config import CandidateConfig, FilterConfig
from segassets.proposals.levels import check_levels, depth_of


@pytest.mark.parametrize("config", [CandidateConfig, FilterConfig])
def test_every_field_is_described(config):
    for name, field in config.model_fields.items():
        assert field.description, name


@pytest.mark.parametrize(
    "levels",
    [
        [2, 4, 6],
        [1, 3, 5],
        [2],
        [4],
        [6],
        [2, 6],
    ],
)
def test_levels_accepted(levels):
    assert CandidateConfig(levels=levels).levels == levels


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"levels": []}, "strictly increasing"),
        ({"levels": [2, 2]}, "found [2, 2]"),
        ({"levels": [4, 2]}, "strictly increasing"),
        ({"levels": [0, 2]}, "1..6"),
        ({"levels": [7]}, "1..6"),
        ({"levels": [1, 2]}, "list one level of each pair"),
        ({"levles": [2]}, "levles"),
        ({"engine": "sam3"}, "external"),
        ({"engine": "external"}, "external_python and external_program"),
        ({"keyframe_stride": 0}, "keyframe_stride"),
        ({"predicted_iou_threshold": 1.5}, "predicted_iou_threshold"),
    ],
)
def test_wrong_values_are_refused(values, said):
    with pytest.raises(ValidationError, match=said.replace("[", r"\[").replace("]", r"\]")):
        CandidateConfig(**values)


def test_an_external_engine_may_use_all_six_levels():
    config = CandidateConfig(
        levels=[1, 2, 3, 4, 5, 6], engine="external", external_python="python", external_program=["ssam.py"]
    )
    assert [depth_of(level) for level in config.levels] == [0, 0, 1, 1, 2, 2]


def test_check_levels_takes_any_sequence():
    assert check_levels((2, 4)) == [2, 4]


def test_configuration_loads_without_torch():
    code = (
        "import sys, segassets.proposals.config, segassets.proposals.engine, segassets.proposals.scene, "
        "segassets.proposals.filtering; assert 'torch' not in sys.modules and 'sam2' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
