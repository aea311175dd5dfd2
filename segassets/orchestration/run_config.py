"""Settings as a Dagster run config: the same values the launchpad shows, written out so that the run records them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from segassets.orchestration.tags import op_name

if TYPE_CHECKING:
    from segassets.config import Settings
    from segassets.orchestration.scene_assets import SceneAsset


def run_config(assets: Iterable[SceneAsset], settings: Settings) -> dict[str, Any]:
    """The run config of these assets under `settings` (of its tag)."""
    ops = {
        op_name(settings.tag, asset.name): {"config": asset.config_type(settings)().model_dump(mode="json")}
        for asset in assets
    }
    return {
        "ops": ops,
        "resources": {"store": {"config": {"root": settings.root, "wait_s": settings.wait_s}}},
    }
