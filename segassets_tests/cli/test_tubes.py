"""`segassets make` on mask pictures, and `segassets tubes` over scenes and over files."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from segassets.cli.app import app
from segassets.errors import BadConfig, MissingInput
from segassets.masks import rle
from segassets_tests.deployment import make_deployment
from segassets_tests.mask_pictures import write_mask_pictures
from segassets_tests.training_deployment import add_segmenter


@pytest.fixture
def deployment(tmp_path, monkeypatch):
    """Two scenes; the first has mask pictures of its annotations, the second none."""
    made = make_deployment(tmp_path / "deployment")
    for name in ("SEGASSETS_CONFIGS", "SEGASSETS_OUTPUT_ROOT", "DAGSTER_HOME"):
        monkeypatch.setenv(name, made.environ[name])
    monkeypatch.delenv("SEGASSETS_TAGS", raising=False)
    monkeypatch.setenv("SEGASSETS_PSEUDO_MASKS__SOURCE", "videocutler_png")
    monkeypatch.setenv("SEGASSETS_PSEUDO_MASKS__MASKS__ROOT", str(tmp_path / "masks"))
    monkeypatch.setenv("SEGASSETS_PSEUDO_TUBES__MIN_MASKS", "0")
    write_mask_pictures(tmp_path / "masks" / "shard-0000")
    return made


def run(*words: object) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.filterwarnings("ignore")
def test_from_pictures_to_figures(deployment, tmp_path):
    plan = run("make", "vis_evaluation", "-d", "shapes", "--dry-run", "--json")
    items = json.loads(plan)["items"]
    wanted = ["frames", "coco_masks", "pseudo_masks", "pseudo_tubes", "vis_evaluation"]
    assert [item["asset"] for item in items[:5]] == wanted  # and nothing that these settings do not read
    made = run("make", "vis_evaluation", "-d", "shapes")
    assert all(key in made for key in deployment.keys)
    told = json.loads(run("tubes", "evaluate", "-d", "shapes", "--json"))
    assert told["pseudo_tubes"]["agnostic"]["ap50"] == pytest.approx(51 / 101)  # one scene of two
    assert told["pseudo_tubes"]["counts"]["true_tubes"] == 12
    assert told["centred box"]["agnostic"]["mean_best_iou"] < 0.5
    assert "pseudo_tubes" in run("tubes", "evaluate", "-d", "shapes")
    rows = json.loads(run("tubes", "foreground", "-d", "shapes", "--json"))
    assert rows[deployment.keys[0]]["iou"] > 0.9 and rows["all frames"]["frames"] == 2
    record = json.loads(run("export", "ytvis", tmp_path / "out", "asset=pseudo_tubes", "--json"))
    assert record["videos"] == 1 and record["skipped"] == 1


@pytest.mark.filterwarnings("ignore")
def test_from_pictures_to_a_trained_segmenter(deployment):
    add_segmenter(deployment, "taught", masks="pseudo_tubes")
    with pytest.raises(MissingInput, match="segassets train taught"):
        run("evaluate", "taught")
    run("make", "pseudo_tubes", "-d", "shapes")
    assert "segassets evaluate taught" in run("train", "taught")
    judged = {row["judged"]: row for row in json.loads(run("evaluate", "taught", "--json"))}
    assert set(judged) == {"trained", "start", "pseudo_tubes"}
    assert judged["pseudo_tubes"]["ap50"]["value"] == pytest.approx(1) and judged["trained"]["objects"] == 6
    elsewhere = json.loads(run("evaluate", "taught", "-d", "shapes", "--scenes", 1, "--json"))
    assert [row["judged"] for row in elsewhere] == ["trained", "start"] and elsewhere[0]["scenes"] == 1
    [row] = json.loads(run("experiments", "compare", "--json"))
    assert row["taught by"] == "pseudo_tubes" and 0 <= row["ap50"] <= 1 and "ap50_start" in row
    run("train", "taught", "data.val=[]")
    with pytest.raises(BadConfig, match="segassets evaluate taught -d DATASET"):
        run("evaluate", "taught")
    assert "taught" in run("experiments", "compare")
    [listed] = json.loads(run("experiments", "list", "--json"))
    assert listed["state"] == "trained" and listed["taught by"] == "pseudo_tubes"


@pytest.mark.filterwarnings("ignore")
def test_an_asset_takes_settings_that_no_run_has(deployment, tmp_path):
    """Those of the UI's launchpad, as ASSET.KEY=VALUE."""
    words = ["make", "vis_evaluation", "-d", "shapes", "--dry-run", "--json"]
    items = json.loads(run(*words, "vis_evaluation.predictions=[sam2_tracks]"))["items"]
    made = {item["asset"] for item in items}
    assert "sam2_tracks" in made and "pseudo_tubes" not in made
    with pytest.raises(BadConfig, match="unknown key 'predictoins'"):
        run(*words, "vis_evaluation.predictoins=[pseudo_tubes]")
    with pytest.raises(BadConfig, match="expected assets with tubes"):
        run(*words, "vis_evaluation.predictions=[frames]")
    result = CliRunner().invoke(app, [*words[:4], f"vis_evaluation.categories_json={tmp_path}/none.json"])
    assert result.exit_code == 1 and "none.json" in result.output


def test_what_cannot_be_made_or_judged_is_named(deployment):
    with pytest.raises(BadConfig, match="Did you mean 'pseudo_tubes'"):
        run("make", "pseudo_tube", "-d", "shapes")
    with pytest.raises(BadConfig, match="expected the name of an asset"):
        run("make", "pseudo_tubes.min_masks=2", "-d", "shapes")
    with pytest.raises(MissingInput, match="segassets make pseudo_tubes coco_masks"):
        run("tubes", "evaluate", "-d", "shapes")
    with pytest.raises(BadConfig, match="together"):
        run("tubes", "evaluate", "--truth", "x.json")


def mask(left: int) -> dict:
    import numpy as np

    plane = np.zeros((20, 30), bool)
    plane[4:12, left : left + 8] = True
    return {"size": [20, 30], "counts": rle.encode(plane)}


@pytest.fixture
def truth(tmp_path):
    """Two videos of two frames, an object each, of categories 0 (base) and 7 (novel)."""
    names = ["a/0.jpg", "a/1.jpg"]
    videos = [{"id": video, "file_names": names, "height": 20, "width": 30, "length": 2} for video in (0, 4)]
    annotations = [
        {
            "id": number,
            "video_id": video,
            "category_id": category,
            "iscrowd": 0,
            "segmentations": [mask(4), None],
        }
        | {"bboxes": [[4, 4, 8, 8], None], "areas": [64, areas]}
        for number, (video, category, areas) in enumerate([(0, 0, None), (4, 7, 0)])
    ]
    categories = [{"id": 0, "name": "cup", "partition": 0}, {"id": 7, "name": "pan", "partition": 2}]
    path = tmp_path / "truth.json"
    path.write_text(json.dumps({"videos": videos, "annotations": annotations, "categories": categories}))
    return path


def judged(truth, results) -> dict:
    path = truth.with_name("results.json")
    path.write_text(json.dumps(results))
    return json.loads(run("tubes", "evaluate", "--truth", truth, "--results", path, "--json"))["results.json"]


def test_files_with_ids_from_0_and_holes(truth):
    result = {"video_id": 0, "category_id": 0, "score": 0.9, "segmentations": [mask(4), None]}
    told = judged(
        truth, [result, result | {"video_id": 4, "category_id": 7, "segmentations": [mask(20), None]}]
    )
    assert told["agnostic"]["recall50"] == 0.5 and told["base"]["ap"] == pytest.approx(1)
    assert told["novel"]["ap"] == 0 and [row["name"] for row in told["categories"]] == ["cup", "pan"]


def test_no_results_are_results(truth):
    told = judged(truth, [])
    assert told["agnostic"]["ap50"] == 0 and told["counts"]["predictions"] == 0


def test_a_file_of_tubes_is_judged_as_results_are(truth):
    document = json.loads(truth.read_text())
    assert judged(truth, document)["agnostic"]["ap"] == pytest.approx(1)
    document["videos"] = document["videos"][:1]
    document["annotations"] = document["annotations"][:1]
    assert judged(truth, document)["agnostic"]["recall50"] == 0.5
