"""The partitions of the graph: scenes, and experiments. Keys live in the Dagster instance, registered by one function.

A scene is a unit of footage, an experiment a file of `configs/experiments/`.
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
EXPERIMENT = "experiment"
BATCH = 1000
_SYNC = {SCENE: "segassets scenes sync", EXPERIMENT: "segassets experiments sync"}
_SOURCE = {SCENE: "the scenes of configs/datasets", EXPERIMENT: "the files of configs/experiments"}


class RegisteredKeys(dg.DynamicPartitionsDefinition):
    """Dynamic partitions whose refusal of an unknown key says how to make it known."""

    def validate_partition_key(self, partition_key: str, context) -> None:
        """Raises MissingInput, naming the command that registers keys, unless the instance knows the key."""
        store, kind = context.dynamic_partitions_store, str(self.name)
        if store is not None and not store.has_dynamic_partition(kind, partition_key):
            raise MissingInput(_unknown(kind, partition_key, store.get_dynamic_partitions(kind)))


scenes = RegisteredKeys(name=SCENE)
experiments = RegisteredKeys(name=EXPERIMENT)


def _unknown(kind: str, key: str, known: Iterable[str]) -> str:
    home = os.environ.get("DAGSTER_HOME")
    if not home:
        return (
            f"{kind} '{key}' is not known: DAGSTER_HOME is not set, so this process sees no registered {kind}s. "
            f"First: export DAGSTER_HOME=$PWD/.segassets/home && mkdir -p $DAGSTER_HOME && {_SYNC[kind]}"
        )
    known = list(known)
    hint = did_you_mean(key, known) if len(known) <= 20 or did_you_mean(key, known).startswith(" Did") else ""
    return (
        f"{kind} '{key}' is not among the {len(known)} {kind}s registered in DAGSTER_HOME={home}.{hint} "
        f"Register {_SOURCE[kind]} with: {_SYNC[kind]}"
    )


@dataclass(frozen=True)
class Registration:
    """What registering did."""

    added: list[str]
    already: int


def register(
    instance: DagsterInstance,
    kind: str,
    keys: Iterable[str],
    batch: int = BATCH,
    progress: Callable[[int, int], None] | None = None,
) -> Registration:
    """Make keys of scenes or of experiments known to the instance; known ones stay as they are.

    Args:
        batch: keys written in one transaction.
        progress: called with (keys written, keys to write) after each batch.

    Raises:
        BadConfig: a key may not name a partition; nothing is registered then.
    """
    wanted = list(dict.fromkeys(keys))
    problems = [problem for key in wanted if (problem := _problem(kind, key))]
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise BadConfig(f"{problems[0]}{more}")
    present = set(instance.get_dynamic_partitions(kind))
    missing = [key for key in wanted if key not in present]
    for at in range(0, len(missing), batch):
        instance.add_dynamic_partitions(kind, missing[at : at + batch])
        if progress:
            progress(min(at + batch, len(missing)), len(missing))
    return Registration(missing, len(wanted) - len(missing))


def register_scenes(
    instance: DagsterInstance,
    keys: Iterable[str],
    batch: int = BATCH,
    progress: Callable[[int, int], None] | None = None,
) -> Registration:
    """`register` of scenes."""
    return register(instance, SCENE, keys, batch, progress)


def registered_keys(instance: DagsterInstance, kind: str) -> list[str]:
    """Keys of a kind the instance knows, in the order of their registration."""
    return list(instance.get_dynamic_partitions(kind))


def registered_scenes(instance: DagsterInstance) -> list[str]:
    """Keys of the scenes the instance knows, in the order of their registration."""
    return registered_keys(instance, SCENE)


def _problem(kind: str, key: str) -> str | None:
    try:
        check_scene_key(key)
    except BadConfig as error:
        return f"{kind} key {key!r}: {error}"
    return None
