"""`@experiment_asset`: a Dagster asset partitioned by experiment, one key for each file of `configs/experiments/`.

It is a scene asset in all but three things: its partitions are experiments, it has no footage of its own, and its
settings are read from the experiment's file when it is made (`settle`), so that what is in the UI's launchpad are only
the few words laid over that file.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pydantic

from segassets.orchestration.checks import Check
from segassets.orchestration.gpu import GpuNeed
from segassets.orchestration.partitions import RegisteredKeys, experiments
from segassets.orchestration.scene_assets import NoConfig, SceneAsset
from segassets.orchestration.work import Make, Work

if TYPE_CHECKING:
    from segassets.storage.store import ArtifactStore

GROUP = "experiments"


@dataclass(frozen=True)
class ExperimentAsset(SceneAsset):
    """One asset of the graph over experiments.

    Attributes:
        data: from the settings to versions of the data they name, for provenance.
    """

    data: Callable[[Any, ArtifactStore], dict[str, str]] | None = None

    @property
    def partitions(self) -> RegisteredKeys:
        """Experiments."""
        return experiments

    def sources(self, config: Any, store: ArtifactStore, open_scene: Any) -> dict[str, str]:
        """Versions of the data an experiment names."""
        return {} if self.data is None else self.data(config, store)

    def work(self, open_scene: Any, load_network: Any, **parts: Any) -> Work:
        """What `make` is given."""
        return Work(**parts)


def experiment_asset(
    *,
    inputs: tuple[str, ...] = (),
    config: type[pydantic.BaseModel] = NoConfig,
    settle: Callable[[str, Any], Any] | None = None,
    reads_of: Callable[[Any], tuple[str, ...]] | None = None,
    data: Callable[[Any, ArtifactStore], dict[str, str]] | None = None,
    start: Callable[[Any, ArtifactStore], dict[str, str]] | None = None,
    unrecorded: Collection[str] = (),
    code_version: str = "1",
    kinds: set[str],
    experiments_per_run: int,
    gpu: GpuNeed | None = None,
    checks: tuple[Check, ...] = (),
    columns: str | None = None,
) -> Callable[[Make], ExperimentAsset]:
    """Declare the decorated function as an experiment asset of its own name; arguments as in ExperimentAsset."""

    def declare(make: Make) -> ExperimentAsset:
        return ExperimentAsset(
            name=make.__name__,
            make=make,
            inputs=inputs,
            config=config,
            defaults=lambda settings: config(),
            code_version=code_version,
            group=GROUP,
            kinds=frozenset(kinds),
            scenes_per_run=experiments_per_run,
            gpu=gpu,
            checks=checks,
            columns=columns,
            own_network=True,
            settle=settle,
            reads_of=reads_of,
            data=data,
            start=start,
            unrecorded=frozenset(unrecorded),
        )

    return declare
