"""What needs making: scenes whose artifact is absent, made by older code, or from inputs that have changed since.

The artifacts' own records are the truth here, not Dagster's: they know of runs of other Dagster homes, and they
outlive an upstream that was made again while nobody looked. A configuration that changed is not staleness: what was
made with settings of its own is not made again overnight with others.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster import AssetKey

from segassets.errors import SegassetsError
from segassets.orchestration import partitions
from segassets.storage.survey import provenances

if TYPE_CHECKING:
    from segassets.orchestration.resources import FootageResource
    from segassets.orchestration.scene_assets import SceneAsset
    from segassets.storage.provenance import Provenance
    from segassets.storage.store import ArtifactStore

FOOTAGE_BUDGET_S = (
    20.0  # a sensor's tick is ended after a minute; scenes not looked at have their turn next time
)


@dataclass
class Survey:
    """The records of one tag's artifacts, read when first asked for.

    Attributes:
        assets: the graph, upstream first.
        changed_footage: scene -> present fingerprint, where it is known to differ from that of its frames.
    """

    assets: Sequence[SceneAsset]
    store: ArtifactStore

    def __post_init__(self) -> None:
        self._by_name = {asset.name: asset for asset in self.assets}
        self._records: dict[str, dict[str, Provenance]] = {}
        self.changed_footage: dict[str, str] = {}
        self.looked_at_footage = False

    def records(self, asset: str) -> Mapping[str, Provenance]:
        """Scene -> origin of the stored artifact."""
        if asset not in self._records:
            self._records[asset] = provenances(self.store, asset)
        return self._records[asset]

    def reason(self, asset: str, scene: str) -> str | None:
        """Why the artifact needs making; None when it is there and fits."""
        stored = self.records(asset).get(scene)
        if stored is None:
            return "missing"
        definition = self._by_name[asset]
        if stored.code_version != definition.code_version:
            return f"code version: stored={stored.code_version}, expected={definition.code_version}"
        for upstream in definition.inputs:
            if upstream not in stored.inputs and upstream not in definition.optional:
                continue  # its settings let it do without
            present = self.records(upstream).get(scene)
            if present is not None and stored.inputs.get(upstream) != present.version:
                return f"{upstream} changed: stored={stored.inputs.get(upstream)}, expected={present.version}"
        if not definition.inputs and scene in self.changed_footage:
            return f"footage changed: stored={stored.inputs.get('footage')}, expected={self.changed_footage[scene]}"
        return None

    def look_at_footage(
        self, asset: str, scenes: Iterable[str], footage: FootageResource, after: str, budget_s: float
    ) -> str:
        """Compare the footage of scenes with what `asset` was made from, for at most `budget_s` seconds.

        Args:
            after: the scene where the last look ended; it goes on behind it, so that every scene has its turn.

        Returns:
            The scene this look ended at.
        """
        from segassets.datasets.scene import scene_fingerprint

        known = sorted(set(scenes) & set(self.records(asset)))
        deadline, last = time.monotonic() + budget_s, after
        for scene in [key for key in known if key > after] + [key for key in known if key <= after]:
            if time.monotonic() > deadline:
                break
            stored, last = self.records(asset)[scene], scene
            try:
                present = scene_fingerprint(footage.open(scene, stored.config.get("frames")))
            except SegassetsError:
                continue  # its footage is not within reach tonight
            if present != stored.inputs.get("footage"):
                self.changed_footage[scene] = present
        return last

    def needing(self, asset: str, scenes: Iterable[str]) -> dict[str, str]:
        """Scene -> why its artifact of this asset needs making."""
        reasons = {scene: self.reason(asset, scene) for scene in scenes}
        return {scene: reason for scene, reason in reasons.items() if reason is not None}

    def work_of(self, scene: str, among: Collection[str] | None = None) -> list[str]:
        """Assets to make of a scene: those that need it, and everything downstream of them; upstream first."""
        wanted: list[str] = []
        for asset in self.assets:
            if among is not None and asset.name not in among:
                continue
            if self.reason(asset.name, scene) or set(asset.inputs) & set(wanted):
                wanted.append(asset.name)
        return wanted


class NeedsMaking(dg.AutomationCondition):
    """True for the scenes whose artifact is absent or no longer fits its code or its inputs."""

    def __init__(
        self, assets: Sequence[SceneAsset], stores: Mapping[str, ArtifactStore], footage: FootageResource
    ) -> None:
        self._assets = tuple(assets)
        self._stores = dict(stores)
        self._footage = footage
        self._survey: tuple[Any, dict[str, Survey]] | None = None

    @property
    def name(self) -> str:
        """Shown in the UI's evaluation history."""
        return "needs_making"

    def evaluate(self, context: dg.AutomationContext) -> dg.AutomationResult:
        """Asks the store; nothing is read while no scene is a candidate."""
        from segassets.orchestration.tags import tag_of

        if context.candidate_subset.is_empty or not isinstance(context.key, AssetKey):
            return dg.AutomationResult(context, context.get_empty_subset(), cursor=context.cursor)
        asset, scenes = context.key.path[-1], context.candidate_subset.expensively_compute_partition_keys()
        survey, cursor = self._survey_at(context, tag_of(context.key)), context.cursor
        if self._is_root(asset) and not survey.looked_at_footage:
            survey.looked_at_footage = True
            cursor = survey.look_at_footage(asset, scenes, self._footage, cursor or "", FOOTAGE_BUDGET_S)
        wanted = set(survey.needing(asset, scenes))
        subset = context.asset_graph_view.get_subset_from_partition_keys(
            context.key, partitions.scenes, wanted
        )
        return dg.AutomationResult(context, subset, cursor=cursor)

    def _is_root(self, asset: str) -> bool:
        return any(definition.name == asset and not definition.inputs for definition in self._assets)

    def _survey_at(self, context: dg.AutomationContext, tag: str) -> Survey:
        """One survey per tag and evaluation, shared by all assets."""
        moment = (context.evaluation_id, context.evaluation_time)
        if self._survey is None or self._survey[0] != moment:
            self._survey = (moment, {})
        surveys = self._survey[1]
        if tag not in surveys:
            surveys[tag] = Survey(self._assets, self._stores[tag])
        return surveys[tag]
