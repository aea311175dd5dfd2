"""The one place that assembles the graph; Dagster loads `defs` from here.

Everything is an argument, so that tests and the command line build the same graph with parts of their own.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from segassets.assets.graph import ASKED_ASSETS, ASKED_USES, QUALITY_CHECKS, SCENE_ASSETS, USES
from segassets.config import Settings
from segassets.orchestration.automation import (
    Nightly,
    Use,
    new_experiments_sensor,
    new_scenes_sensor,
    nightly_condition,
    nightly_schedule,
    nightly_sensor,
)
from segassets.orchestration.checks import QualityCheck
from segassets.orchestration.freshness import NeedsMaking
from segassets.orchestration.resources import FootageResource, GpuResource, StoreResource
from segassets.orchestration.scene_assets import SceneAsset
from segassets.orchestration.tags import configured_tags, settings_of_tags

warnings.filterwarnings("ignore", category=dg.BetaWarning)  # backfill policies, user code automation
warnings.filterwarnings("ignore", category=dg.PreviewWarning)
warnings.filterwarnings(
    "ignore", "Asset job .* varying BackfillPolicies"
)  # on purpose, see SceneAsset.scenes_per_run


def build_definitions(
    *,
    settings: Mapping[str, Settings] | None = None,
    tags: Sequence[str] | None = None,
    assets: Sequence[SceneAsset] = SCENE_ASSETS,
    checks: Sequence[QualityCheck] = QUALITY_CHECKS,
    uses: Sequence[Use] = USES,
    asked_assets: Sequence[SceneAsset] = ASKED_ASSETS,
    asked_uses: Sequence[Use] = ASKED_USES,
    resources: Mapping[str, Any] | None = None,
    nightly: Nightly | None = None,
    executor: dg.ExecutorDefinition | None = None,
) -> dg.Definitions:
    """All assets, checks, jobs, sensors and schedules.

    Args:
        settings: experiment tag -> its settings, the defaults of all configs; by default those of `tags`.
        tags: experiment tags shown side by side; by default `$SEGASSETS_TAGS`, else main.
        assets, checks, uses: the graph, its quality checks, its jobs (the first is the one the schedule runs).
        asked_assets, asked_uses: what is made only when somebody asks for it, never by night, and jobs of it.
        resources: replace `store`, `footage` or `gpu`.
        nightly: hour and amount of the automation; by default from `SEGASSETS_NIGHTLY_*`.
        executor: runs the steps of a run; by default one after the other in one process, where a network that was
            loaded for one step is there for the next.
    """
    settings = settings or settings_of_tags(tags or configured_tags())
    nightly = nightly or Nightly.from_environment()
    any_settings = next(iter(settings.values()))
    resources = {
        "store": StoreResource(root=any_settings.root, wait_s=any_settings.wait_s),
        "footage": FootageResource(datasets=any_settings.datasets),
        "gpu": GpuResource(lock_dir=None, wait_s=3600.0),
        **(resources or {}),
    }
    stores = {tag: resources["store"].of(tag) for tag in settings}
    condition = nightly_condition(NeedsMaking(assets, stores, resources["footage"]), nightly)
    return dg.Definitions(
        assets=[
            *(asset.build(tag, settings[tag], condition) for tag in settings for asset in assets),
            *(asset.build(tag, settings[tag]) for tag in settings for asset in asked_assets),
        ],
        asset_checks=[check.build(tag) for tag in settings for check in checks],
        jobs=[use.job(tag) for tag in settings for use in (*uses, *asked_uses)],
        schedules=[nightly_schedule(tag, uses[0], assets, stores[tag], nightly) for tag in settings],
        sensors=[
            new_scenes_sensor(resources["footage"], nightly),
            new_experiments_sensor(nightly),
            *(nightly_sensor(tag, assets, nightly) for tag in settings),
        ],
        resources=resources,
        executor=executor or dg.in_process_executor,
    )


defs = build_definitions()
