"""Op configs are the stages' models: same fields, defaults, descriptions; and back again."""

from __future__ import annotations

import pydantic
import pytest

from segassets.assets.graph import SCENE_ASSETS
from segassets.config import load_settings
from segassets.errors import BadConfig
from segassets.orchestration.model_choice import ModelChoice
from segassets.orchestration.op_config import op_config, stage_config
from segassets.strict import StrictModel


class Inner(StrictModel):
    """A nested section."""

    depth: int = pydantic.Field(3, ge=1, description="How deep.")


class Stage(StrictModel):
    """A stage's settings."""

    name: str | None = pydantic.Field(None, description="A name.")
    inner: Inner = pydantic.Field(Inner(), description="A section.")
    levels: list[int] = pydantic.Field([2], description="Levels.")


def test_values_of_the_deployment_become_defaults_nested_ones_too():
    made = op_config("StageConfig", {"stage": Stage(inner=Inner(depth=7)), "model": ModelChoice(model="big")})
    assert made().model_dump() == {
        "name": None,
        "inner": {"depth": 7},
        "levels": [2],
        "model": "big",
        "device": None,
        "precision": None,
    }
    assert made.model_fields["inner"].description == "A section."
    assert made.model_fields["precision"].description.endswith("One of: fp32, bf16, fp16.")


def test_the_stage_gets_its_own_model_back_without_the_others_fields():
    config = op_config("StageConfig", {"stage": Stage(), "model": ModelChoice()})(levels=[2, 4])
    assert stage_config(Stage, config, "here") == Stage(levels=[2, 4])
    assert stage_config(ModelChoice, config, "here") == ModelChoice()


def test_a_value_the_stage_refuses_is_named():
    config = op_config("StageConfig", {"stage": Stage()})
    broken = config.model_construct(name=None, inner={"depth": 0}, levels=[2])
    with pytest.raises(BadConfig, match=r"config of tracks: .inner\.depth."):
        stage_config(Stage, broken, "config of tracks")


@pytest.mark.parametrize("asset", SCENE_ASSETS, ids=lambda asset: asset.name)
def test_every_field_of_every_asset_is_described_and_comes_back_unchanged(asset, deployment):
    settings = load_settings()
    config = asset.config_type(settings)()
    fields = type(config).model_fields
    assert all(field.description for field in fields.values()), asset.name
    assert stage_config(asset.config, config, "here") == asset.defaults(settings)
    assert ("device" in fields and "precision" in fields and "model" in fields) == (asset.gpu is not None)
