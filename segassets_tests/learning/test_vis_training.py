"""SeqFormer in the training all networks share: categories, going on after a stop, refusals; and the rooms recipe."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml

from segassets.errors import BadConfig, BadInput, MissingInput
from segassets.learning.checkpoints import read_checkpoint
from segassets.learning.experiment import Experiment, load_experiment
from segassets.learning.train import train_experiment
from segassets.models.registry import read_spec
from segassets.models.seqformer.build import build_seqformer, load_backbone
from segassets.models.spec import ModelSpec
from segassets_tests.learning.made_training import SEGMENTER, make_deployment
from segassets_tests.models.seqformer.tiny import tiny_config, tiny_model, tiny_network


@pytest.fixture
def deployed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    make_deployment(tmp_path, **SEGMENTER)
    monkeypatch.setenv("SEGASSETS_CONFIGS", str(tmp_path / "configs"))
    return tmp_path


def experiment(root: Path, *overrides: str) -> Experiment:
    return load_experiment(str(root / "configs" / "experiments" / "small.yaml"), overrides)


def test_all_objects_of_a_clip_are_taught(deployed: Path) -> None:
    assert [source.max_objects for source in experiment(deployed).data.train] == [100]
    assert experiment(deployed, "data.train.0.max_objects=2").data.train[0].max_objects == 2


def test_stopped_and_gone_on_with_is_as_never_stopped(deployed: Path) -> None:
    whole = train_experiment(experiment(deployed, "trainer.max_steps=4"), deployed / "whole")
    train_experiment(
        experiment(deployed, "trainer.max_steps=2", "schedule.type=constant"), deployed / "parts"
    )
    # the schedule knows the number of steps, which a killed training never changes: compare with a constant rate
    straight = train_experiment(
        experiment(deployed, "trainer.max_steps=4", "schedule.type=constant"), deployed / "straight"
    )
    gone_on = train_experiment(
        experiment(deployed, "trainer.max_steps=4", "schedule.type=constant"), deployed / "parts"
    )
    one, other = (read_checkpoint(made.last)["model"] for made in (straight, gone_on))
    assert all(torch.allclose(one[name], other[name], atol=1e-6) for name in one)
    assert whole.figures["steps"] == 4 and 0 <= whole.figures["val_mean_iou"] <= 1
    assert len(whole.examples) == 1
    assert set(read_checkpoint(whole.chosen)["model"]) == set(tiny_network().state_dict())


def test_class_count_of_the_experiment_is_that_of_the_checkpoint(deployed: Path) -> None:
    """The squares of the made dataset are of category -1: an experiment that names others refuses them."""
    made = train_experiment(experiment(deployed, "trainer.max_steps=1"), deployed / "one")
    assert read_spec(made.model_file).network["classes"] == 1  # type: ignore[index]
    assert build_seqformer(read_spec(made.model_file)).class_heads[0].weight.shape[0] == 1
    named = experiment(deployed, "trainer.max_steps=1", "vis.categories=[-1,7]")
    two = train_experiment(named, deployed / "two")
    assert build_seqformer(read_spec(two.model_file)).class_heads[1].weight.shape[0] == 2
    assert [build_seqformer(read_spec(model.model_file)).config.ids for model in (made, two)] == [
        (-1,),
        (-1, 7),
    ]
    with pytest.raises(BadInput, match=r"category -1, which vis.categories does not name"):
        train_experiment(experiment(deployed, "vis.categories=[3]"), deployed / "none")


def test_a_recipe_wants_its_section(deployed: Path) -> None:
    with pytest.raises(BadConfig, match="'vis_from_rooms': this recipe needs that section"):
        experiment(deployed, "recipe=vis_from_rooms")


def test_rooms_recipe_end_to_end(deployed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = {
        "rooms": {"count": 8, "check_count": 1}, "minutes": 0.03, "frames_per_step": 2, "clip_frames": [2, 2],
        "small_size_px": 32, "query_sets": 2, "singles_only_share": 0.3,
    }  # fmt: skip
    path = deployed / "configs" / "experiments" / "rooms.yaml"
    path.write_text(
        yaml.safe_dump(
            {"name": "rooms", "recipe": "vis_from_rooms", "model": "tiny-seqformer", "vis_from_rooms": values}
        )
    )
    made = train_experiment(load_experiment(str(path)), deployed / "rooms")
    assert made.figures["steps"] > 0 and 0 <= made.figures["check/ap50"] <= 1
    assert (made.folder / "weights.safetensors").is_file() and not (made.folder / "rooms").exists()


def test_backbones_start_from_files(tmp_path: Path) -> None:
    from safetensors.torch import save_file
    from torchvision.models import resnet50

    sizes = tiny_config(backbone={"kind": "resnet", "depth": 50}, mask_stride=8).model_dump(mode="json")
    network = build_seqformer(ModelSpec(**tiny_model(network=sizes)))
    theirs = resnet50(weights=None).state_dict()
    torch.save(theirs, tmp_path / "resnet50.pth")
    load_backbone(network, str(tmp_path / "resnet50.pth"))
    assert torch.equal(
        network.backbone.state_dict()["layer4.2.conv3.weight"], theirs["layer4.2.conv3.weight"]
    )
    save_file({"conv1.weight": theirs["conv1.weight"]}, tmp_path / "part.safetensors")
    with pytest.raises(BadInput, match=r"expected the weights of a resnet backbone, found no bn1\.weight"):
        load_backbone(network, str(tmp_path / "part.safetensors"))
    (tmp_path / "R-50.pkl").write_bytes(b"\x80\x02}.")
    with pytest.raises(BadInput, match=r"a pickle, .* python scripts/backbone_from_pickle.py"):
        load_backbone(network, str(tmp_path / "R-50.pkl"))
    with pytest.raises(MissingInput, match="no file"):
        load_backbone(network, str(tmp_path / "nowhere.pth"))
