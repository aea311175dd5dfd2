"""A scene's events as Dagster records them: its materialization with versions, and the verdicts of its checks.

The events are written scene by scene while a batch goes on. The tags are those Dagster itself would write when it
closes a step, which it cannot do for a batch whose scenes differ; the names are its own.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import dagster as dg
from dagster import DagsterEventType
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData,
)
from dagster._core.definitions.data_version import (
    CODE_VERSION_TAG,
    DATA_VERSION_IS_USER_PROVIDED_TAG,
    DATA_VERSION_TAG,
    NULL_EVENT_POINTER,
    get_input_data_version_tag,
    get_input_event_pointer_tag,
)
from dagster._core.definitions.source_asset import SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from segassets.storage.provenance import Provenance

# Without this mark Dagster closes the step with a second event for every scene of the batch, without their metadata.
ALREADY_RECORDED = {SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION: True}

# Of an upstream asset that these settings do not read. Dagster looks for its events after the one pointed to: none is.
NOT_READ, AFTER_ALL = "not read", 2**62


def latest_events(
    instance: DagsterInstance, inputs: Mapping[str, dg.AssetKey], scenes: Sequence[str]
) -> dict[str, Mapping[str, int]]:
    """By upstream asset: scene -> number of its latest materialization event; one query for each asset."""
    storage = instance.event_log_storage
    kind = DagsterEventType.ASSET_MATERIALIZATION
    return {
        name: storage.get_latest_storage_id_by_partition(key, kind, set(scenes))
        for name, key in inputs.items()
    }


def latest_targets(
    instance: DagsterInstance, key: dg.AssetKey, scenes: Sequence[str], run_id: str
) -> dict[str, AssetCheckEvaluationTargetMaterializationData]:
    """The materialization that a verdict on each scene is about: without it the UI takes a verdict for outdated."""
    found = latest_events(instance, {"": key}, scenes)[""]
    return {
        scene: AssetCheckEvaluationTargetMaterializationData(
            storage_id=event, run_id=run_id, timestamp=time.time()
        )
        for scene, event in found.items()
    }


def materialization(
    key: dg.AssetKey,
    provenance: Provenance,
    metadata: Mapping[str, dg.MetadataValue],
    inputs: Mapping[str, dg.AssetKey],
    upstream: Mapping[str, Mapping[str, int]],
) -> dg.AssetMaterialization:
    """The event of one scene.

    Args:
        inputs: upstream asset -> its key; what the provenance does not name was not read, and never outdates the scene.
        upstream: what `latest_events` found.
    """
    tags = {
        DATA_VERSION_TAG: provenance.version,
        DATA_VERSION_IS_USER_PROVIDED_TAG: "true",
        CODE_VERSION_TAG: provenance.code_version,
    }
    for name, upstream_key in inputs.items():
        was_read = name in provenance.inputs
        event = upstream[name].get(provenance.scene) if was_read else AFTER_ALL
        tags[get_input_data_version_tag(upstream_key)] = provenance.inputs[name] if was_read else NOT_READ
        tags[get_input_event_pointer_tag(upstream_key)] = str(event) if event else NULL_EVENT_POINTER
    return dg.AssetMaterialization(key, partition=provenance.scene, metadata=dict(metadata), tags=tags)
