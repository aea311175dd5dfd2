"""Experiment tags: keys, names, where their settings come from."""

from __future__ import annotations

import dagster as dg
import pytest

from segassets.errors import BadConfig
from segassets.orchestration.tags import (
    asset_key,
    configured_tags,
    op_name,
    settings_of_tags,
    suffixed,
    tag_of,
)


@pytest.mark.parametrize(
    ("tag", "path", "op", "job"),
    [
        ("main", ["frames"], "frames", "track_scenes"),
        ("fine", ["fine", "frames"], "fine__frames", "track_scenes__fine"),
        ("a-b.c", ["a-b.c", "frames"], "a_b_c__frames", "track_scenes__a_b_c"),
    ],
)
def test_names_of_a_tag(tag, path, op, job):
    key = asset_key(tag, "frames")
    assert key == dg.AssetKey(path) and tag_of(key) == tag
    assert op_name(tag, "frames") == op and suffixed("track_scenes", tag) == job


@pytest.mark.parametrize(
    ("environ", "tags"),
    [
        ({}, ["main"]),
        ({"SEGASSETS_TAGS": ""}, ["main"]),
        ({"SEGASSETS_TAGS": "main, fine,main"}, ["main", "fine"]),
        ({"SEGASSETS_TAG": "fine"}, ["main", "fine"]),
        ({"SEGASSETS_TAG": "fine", "SEGASSETS_TAGS": "coarse"}, ["coarse"]),
    ],
)
def test_tags_from_the_environment(environ, tags):
    assert configured_tags(environ) == tags


def test_a_tag_that_may_not_name_a_folder_is_refused():
    with pytest.raises(BadConfig, match=r"tag '\.\./x'"):
        configured_tags({"SEGASSETS_TAGS": "../x"})


def test_a_tag_takes_its_settings_from_the_run_config_of_its_name(deployment):
    (deployment.folder / "configs" / "runs" / "fine.yaml").write_text("keyframe_stride: 2\n")
    found = settings_of_tags(["main", "fine"])
    assert found["fine"].tag == "fine" and found["fine"].candidates.keyframe_stride == 2
    assert found["main"].tag == "main" and found["main"].candidates.keyframe_stride != 2


def test_tags_side_by_side_must_share_an_output_root(deployment, monkeypatch):
    monkeypatch.delenv("SEGASSETS_OUTPUT_ROOT")
    (deployment.folder / "configs" / "runs" / "fine.yaml").write_text("output_root: elsewhere\n")
    with pytest.raises(BadConfig, match="share one output root"):
        settings_of_tags(["main", "fine"])
