"""The partition of the graph: a scene. Keys live in the Dagster instance and are registered by one function.

Later partitions (one per file in `configs/experiments/`) belong here too.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import dagster as dg
from dagster import DagsterInstance

from segassets.errors import BadConfig, MissingInput, did_you_mean
from segassets.storage.keys import check_scene_key

SCENE = "scene"
BATCH = 1000


class ScenePartitions(dg.DynamicPartitionsDefinition):
    """Dynamic partitions whose refusal of an unknown key says how to make it known."""

    def validate_partition_key(self, partition_key: str, context) -> None:
        """Raises MissingInput, naming `segassets scenes sync`, unless the instance knows the key."""
        store = context.dynamic_partitions_store
        if store is not None and not store.has_dynamic_partition(SCENE, partition_key):
            raise MissingInput(_unknown_scene(partition_key, store.get_dynamic_partitions(SCENE)))


scenes = ScenePartitions(name=SCENE)


def _unknown_scene(key: str, known: Iterable[str]) -> str:
    home = os.environ.get("DAGSTER_HOME")
    if not home:
        return (
            f"scene '{key}' is not known: DAGSTER_HOME is not set, so this process sees no registered scenes. "
            "First: export DAGSTER_HOME=$PWD/.segassets/home && mkdir -p $DAGSTER_HOME && segassets scenes sync"
        )
    known = list(known)
    hint = did_you_mean(key, known) if len(known) <= 20 or did_you_mean(key, known).startswith(" Did") else ""
    return (
        f"scene '{key}' is not among the {len(known)} scenes registered in DAGSTER_HOME={home}.{hint} "
        "Register the scenes of configs/datasets with: segassets scenes sync"
    )


@dataclass(frozen=True)
class Registration:
    """What registering did."""

    added: list[str]
    already: int


def register_scenes(
    instance: DagsterInstance,
    keys: Iterable[str],
    batch: int = BATCH,
    progress: Callable[[int, int], None] | None = None,
) -> Registration:
    """Make scene keys known to the instance; known ones stay as they are.

    Args:
        batch: keys written in one transaction.
        progress: called with (keys written, keys to write) after each batch.

    Raises:
        BadConfig: a key may not name a partition; nothing is registered then.
    """
    wanted = list(dict.fromkeys(keys))
    problems = [problem for problem in map(_problem, wanted) if problem]
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise BadConfig(f"{problems[0]}{more}")
    present = set(instance.get_dynamic_partitions(SCENE))
    missing = [key for key in wanted if key not in present]
    for at in range(0, len(missing), batch):
        instance.add_dynamic_partitions(SCENE, missing[at : at + batch])
        if progress:
            progress(min(at + batch, len(missing)), len(missing))
    return Registration(missing, len(wanted) - len(missing))


def registered_scenes(instance: DagsterInstance) -> list[str]:
    """Keys the instance knows, in the order of their registration."""
    return list(instance.get_dynamic_partitions(SCENE))


def _problem(key: str) -> str | None:
    try:
        check_scene_key(key)
    except BadConfig as error:
        return f"scene key {key!r}: {error}"
    return None
