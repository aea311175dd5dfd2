"""Artifacts in the store that this Dagster home does not know: recorded, so that the UI agrees."""

from __future__ import annotations

from collections.abc import Iterable

import dagster as dg
from dagster import DagsterInstance

from segassets.orchestration.metadata import provenance_record
from segassets.orchestration.tags import asset_key
from segassets.storage.store import ArtifactStore


def record_stored(instance: DagsterInstance, store: ArtifactStore, present: Iterable[tuple[str, str]]) -> int:
    """Tell the instance of artifacts that were made elsewhere; how many it did not know.

    Args:
        present: (asset, scene) of artifacts that are in the store; the scenes are registered.
    """
    by_asset: dict[str, list[str]] = {}
    for asset, scene in present:
        by_asset.setdefault(asset, []).append(scene)
    told = 0
    for asset, scenes in by_asset.items():
        key = asset_key(store.tag, asset)
        known = instance.get_materialized_partitions(key)
        for scene in scenes:
            if scene not in known:
                instance.report_runless_asset_event(_materialization(store, key, asset, scene))
                told += 1
    return told


def _materialization(
    store: ArtifactStore, key: dg.AssetKey, asset: str, scene: str
) -> dg.AssetMaterialization:
    """The event of a stored artifact: where it is and where it comes from."""
    location = store.location(asset, scene)
    place = dg.MetadataValue.url(location) if "://" in location else dg.MetadataValue.path(location)
    provenance = dg.MetadataValue.json(provenance_record(store.peek(asset, scene).provenance))
    return dg.AssetMaterialization(
        key,
        description="Found in the store; made by another Dagster home.",
        partition=scene,
        metadata={"location": place, "provenance": provenance},
    )
