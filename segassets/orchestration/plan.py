"""What a run would make: for every scene and asset, whether it is there and still fits.

Versions are computed from what an artifact is made from, so the plan knows the version each artifact should
have without making any; an artifact is stale when the stored version is another one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Literal

from segassets.errors import MissingInput, SegassetsError
from segassets.orchestration.metadata import without_secrets
from segassets.storage.provenance import Provenance

if TYPE_CHECKING:
    from segassets.config import Settings
    from segassets.datasets.scene import Scene
    from segassets.orchestration.resources import FootageResource
    from segassets.orchestration.scene_assets import SceneAsset
    from segassets.storage.store import ArtifactStore

State = Literal["present", "missing", "stale", "forced", "off"]


@dataclass(frozen=True)
class Item:
    """One asset of one scene.

    Attributes:
        state: present (stays), missing, stale or forced (will be made), off (its stage is switched off).
        why: what no longer fits, for a stale one.
    """

    scene: str
    asset: str
    state: State
    location: str
    why: str = ""

    @property
    def to_make(self) -> bool:
        """Whether a run would make it."""
        return self.state in ("missing", "stale", "forced")


@dataclass
class Plan:
    """Items of every scene, upstream first, and by scene why it cannot be run."""

    items: list[Item] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)

    def to_make(self, scene: str) -> list[str]:
        """Assets a run would make of a scene, upstream first."""
        return [item.asset for item in self.items if item.scene == scene and item.to_make]

    def of(self, scene: str) -> list[Item]:
        """Items of one scene."""
        return [item for item in self.items if item.scene == scene]


@dataclass
class Planner:
    """Plans scenes of one tag under one configuration.

    Args:
        assets: the graph, upstream first.
        force: make again what is there and fits.
        op_values: by asset, op config values that are not those of the settings.
        stored: upstream assets that are no part of the plan and are read as they are in the store.
    """

    assets: Sequence[SceneAsset]
    settings: Settings
    store: ArtifactStore
    footage: FootageResource
    force: bool = False
    op_values: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    stored: Collection[str] = ()

    def plan(self, keys: Iterable[str]) -> Plan:
        """The plan of the scenes; a scene in trouble does not hide the others."""
        plan = Plan()
        for key in keys:
            try:
                plan.items += self.scene_items(key)
            except SegassetsError as error:
                plan.problems[key] = str(error)
        return plan

    def scene_items(self, key: str) -> list[Item]:
        """Items of one scene.

        Raises:
            BadInput, MissingInput: the footage cannot be used.
            MissingInput: a stage is switched off, its artifact is not there, and a later stage needs it.
        """
        open_scene = cache(partial(self.footage.open, key, self.settings.frames))
        versions = {name: self.store.open(name, key).version for name in self.stored}
        items = []
        for asset in self.assets:
            stored = self.store.peek(asset.name, key).provenance if self.store.has(asset.name, key) else None
            if not getattr(self.settings.stages, asset.name, True):
                if stored is not None:
                    versions[asset.name] = stored.version
                items.append(Item(key, asset.name, "off", self.store.location(asset.name, key)))
                continue
            expected = self._expected(asset, key, versions, open_scene)
            versions[asset.name] = expected.version
            items.append(self._item(asset, key, stored, expected))
        return items

    def _expected(
        self, asset: SceneAsset, key: str, versions: Mapping[str, str], open_scene: Callable[[], Scene]
    ) -> Provenance:
        """The origin the artifact has when it is made now."""
        op_config = asset.config_type(self.settings)(**self.op_values.get(asset.name, {}))
        config = asset.settled(key, op_config)
        inputs = self._inputs(asset, config, versions)
        return Provenance(
            asset=asset.name,
            scene=key,
            tag=self.store.tag,
            code_version=asset.code_version,
            inputs=inputs | asset.sources(config, self.store, open_scene),
            config=without_secrets(asset.record(config)),
            model=asset.model_identity(op_config, config, self.store, open_scene),
            software={},
        )

    def _inputs(self, asset: SceneAsset, config: Any, versions: Mapping[str, str]) -> dict[str, str]:
        wanted = asset.reads_there(config, lambda name: name in versions)
        absent = [name for name in wanted if name not in versions]
        if absent:
            raise MissingInput(
                f"{asset.name} needs {', '.join(absent)}, which is not there and switched off; "
                f"switch it on with stages.{absent[0]}=true, or {asset.name} off with stages.{asset.name}=false"
            )
        return {name: versions[name] for name in wanted}

    def _item(self, asset: SceneAsset, key: str, stored: Provenance | None, expected: Provenance) -> Item:
        location = self.store.location(asset.name, key)
        if stored is None:
            return Item(key, asset.name, "missing", location)
        if stored.version != expected.version:
            return Item(key, asset.name, "stale", location, difference(stored, expected))
        return Item(key, asset.name, "forced" if self.force else "present", location)


def difference(stored: Provenance, expected: Provenance) -> str:
    """What of the origin changed, for people: `stored=..., expected=...` of the first differing facts."""
    changes = []
    if stored.code_version != expected.code_version:
        changes.append(f"code version: stored={stored.code_version}, expected={expected.code_version}")
    for what in ("inputs", "model", "config"):
        before, after = getattr(stored, what), getattr(expected, what)
        names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
        changes += [
            f"{what[:6]} {name}: stored={before.get(name)}, expected={after.get(name)}" for name in names
        ]
    more = f" (and {len(changes) - 3} more)" if len(changes) > 3 else ""
    return "; ".join(changes[:3]) + more
