"""`@scene_asset`: a Dagster asset partitioned by scene, said in what differs from asset to asset.

(`@experiment_asset`, in the module of that name, is its sister for the files of `configs/experiments/`.)

The decorated function makes one scene: it takes a `SceneWork` and the stage's config, writes into `work.out` and
returns a `Made`. Its docstring is the description in the UI. Everything else every scene asset has is added here: the
partitions, the loop over the scenes of a run (`batches`), checks, op tags and pool, backfill policy, code version,
column documentation. `build` gives the `dg.AssetsDefinition` of one experiment tag.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg
import pydantic

from segassets.orchestration.batches import Batch
from segassets.orchestration.checks import Check
from segassets.orchestration.gpu import POOL, GpuNeed
from segassets.orchestration.model_choice import LoadedNetwork, ModelChoice, ModelSetting
from segassets.orchestration.op_config import op_config, stage_config
from segassets.orchestration.partitions import RegisteredKeys, scenes
from segassets.orchestration.tags import asset_key
from segassets.orchestration.work import Make, SceneWork, Work
from segassets.strict import StrictModel

if TYPE_CHECKING:
    from segassets.config import Settings
    from segassets.datasets.scene import Scene
    from segassets.models.spec import ModelSpec
    from segassets.storage.store import ArtifactStore

OWNERS = ["team:vision"]
RESOURCES = {"store", "footage", "gpu"}


class NoConfig(StrictModel):
    """A stage without settings."""


@dataclass(frozen=True)
class SceneAsset:
    """One asset of the graph, before it is built for a tag.

    Attributes:
        make: makes one scene.
        inputs: upstream assets, opened and checked before `make` is called.
        optional: those of the inputs that are read where they are there, and done without where they are not.
        config: the stage's settings; `defaults` gives their values in a deployment.
        code_version: changes when the same inputs would give another result.
        scenes_per_run: scenes of a backfill that share a run (and a loaded network). Neighbours in the graph have
            different numbers on purpose: Dagster then starts a run per asset, and a scene that fails in one does
            not keep the others of its run from the next.
        gpu: what a step asks its engine for; an asset that has this need loads a model, so its config has the fields
            of ModelChoice too, unless it has a network of its own.
        model_of: which of the settings' models it loads: model (SAM2), depth_model or embedding_model. In its own
            config that is `model`.
        needs_model: from the settings, the scene and the model to whether this scene is made with it; always when None.
        checks: what is verified before an artifact is published.
        columns: name of the table schema in segassets.masks.schemas that documents the asset.
        own_network: the asset trains or evaluates a network that its inputs name; it is not chosen by config.
        reads_of: from the stage's settings to the inputs they need; all of them when None.
        settle: from the key and the launchpad's values to the settings of the stage; those values when None.
        start: from the settings to name and checksum of the network that learning starts from.
        unrecorded: fields of the settings that do not shape the result; they are no part of the version.
        outside: from the settings and the scene to versions of what is read from outside the store.
    """

    name: str
    make: Make
    inputs: tuple[str, ...]
    config: type[pydantic.BaseModel]
    defaults: Callable[[Settings], pydantic.BaseModel]
    code_version: str
    group: str
    kinds: frozenset[str]
    scenes_per_run: int
    gpu: GpuNeed | None
    checks: tuple[Check, ...]
    columns: str | None
    own_network: bool = False
    model_of: ModelSetting = "model"
    needs_model: Callable[[Any, Scene, ModelSpec], bool] | None = None
    reads_of: Callable[[Any], tuple[str, ...]] | None = None
    settle: Callable[[str, Any], Any] | None = None
    start: Callable[[Any, ArtifactStore], dict[str, str]] | None = None
    unrecorded: frozenset[str] = frozenset()
    optional: frozenset[str] = frozenset()
    outside: Callable[[Any, Scene], dict[str, str]] | None = None

    @property
    def partitions(self) -> RegisteredKeys:
        """What it is partitioned by."""
        return scenes

    @property
    def kind(self) -> str:
        """`scene` or `experiment`: how its partitions are called."""
        return str(self.partitions.name)

    @property
    def chooses_model(self) -> bool:
        """Whether its config says which model it loads."""
        return self.gpu is not None and not self.own_network

    def settled(self, key: str, op_config: Any) -> Any:
        """The stage's settings for one key."""
        config = stage_config(self.config, op_config, f"config of {self.name}")
        return config if self.settle is None else self.settle(key, config)

    def reads(self, config: Any) -> tuple[str, ...]:
        """The inputs that a stage with these settings needs."""
        return self.inputs if self.reads_of is None else self.reads_of(config)

    def reads_there(self, config: Any, there: Callable[[str], bool]) -> tuple[str, ...]:
        """The inputs of a key: what a stage with these settings needs, and what is there of what it can do without.

        Args:
            there: whether an asset of that name has been made for the key.
        """
        return tuple(name for name in self.reads(config) if name not in self.optional or there(name))

    def record(self, config: Any) -> dict[str, Any]:
        """The settings as provenance keeps them."""
        return config.model_dump(mode="json", exclude=set(self.unrecorded))

    def sources(self, config: Any, store: ArtifactStore, open_scene: Callable[[], Scene]) -> dict[str, str]:
        """Versions of what it is made from besides upstream assets; the first asset is made from the footage itself."""
        from segassets.datasets.scene import scene_fingerprint

        if self.outside is not None:
            return self.outside(config, open_scene())
        return {} if self.inputs else {"footage": scene_fingerprint(open_scene())}

    def work(
        self, open_scene: Callable[[], Scene], load_network: Callable[[], LoadedNetwork], **parts: Any
    ) -> Work:
        """What `make` is given."""
        load = load_network if self.chooses_model else None
        return SceneWork(open_scene=open_scene, load_network=load, **parts)

    def model_identity(
        self, op_config: Any, config: Any, store: ArtifactStore, open_scene: Callable[[], Scene]
    ) -> dict[str, str]:
        """Name and checksum of the network a step uses or starts from; empty for assets and scenes without one."""
        if self.start is not None:
            return self.start(config, store)
        if not self.chooses_model:
            return {}
        choice = self._choice(op_config)
        if self.needs_model is not None:
            spec = choice.spec(store, self.model_of)
            if not self.needs_model(config, open_scene(), spec):
                return {}
        return choice.identity(store, self.model_of)

    def wanted_device(self, op_config: Any, store: ArtifactStore) -> str:
        """The device a step asks for."""
        return self._choice(op_config).wanted_device(store)

    def load_network(self, op_config: Any, device: str, store: ArtifactStore) -> LoadedNetwork:
        """The network a step uses, read once per process."""
        return self._choice(op_config).load(device, store, self.model_of)

    def _choice(self, config: Any) -> ModelChoice:
        return stage_config(ModelChoice, config, f"config of {self.name}")

    def config_type(self, settings: Settings) -> type[dg.Config]:
        """Its op config, with the deployment's values as defaults."""
        models: dict[str, pydantic.BaseModel] = {}
        if self.chooses_model:
            models["model"] = ModelChoice(
                model=getattr(settings, self.model_of), device=settings.device, precision=settings.precision
            )
        models["stage"] = self.defaults(settings)
        return op_config("".join(part.title() for part in self.name.split("_")) + "Config", models)

    def build(
        self, tag: str, settings: Settings, condition: dg.AutomationCondition | None = None
    ) -> dg.AssetsDefinition:
        """The asset of one experiment tag."""
        key = asset_key(tag, self.name)

        def make_scenes(context: dg.AssetExecutionContext, config: Any) -> Any:
            yield from Batch(context, self, tag, config).run()

        make_scenes.__annotations__ = {
            "context": dg.AssetExecutionContext,
            "config": self.config_type(settings),
        }
        return dg.asset(
            key=key,
            deps=[asset_key(tag, upstream) for upstream in self.inputs],
            partitions_def=self.partitions,
            backfill_policy=dg.BackfillPolicy.multi_run(self.scenes_per_run),
            check_specs=[check.spec(key, self.partitions) for check in self.checks],
            required_resource_keys=RESOURCES,
            description=inspect.getdoc(self.make),
            code_version=self.code_version,
            group_name=self.group
            if tag == "main"
            else f"{self.group}_{key.path[0].replace('-', '_').replace('.', '_')}",
            kinds=set(self.kinds),
            owners=OWNERS,
            tags={"segassets/tag": tag},
            metadata=self._metadata(),
            automation_condition=condition,
            pool=POOL if self.gpu else None,
            op_tags=self.gpu.op_tags() if self.gpu else None,
        )(make_scenes)

    def _metadata(self) -> Mapping[str, Any]:
        if self.columns is None:
            return {}
        from segassets.masks import schemas
        from segassets.orchestration.metadata import column_schema

        return column_schema(getattr(schemas, self.columns))


def scene_asset(
    *,
    inputs: tuple[str, ...] = (),
    config: type[pydantic.BaseModel] = NoConfig,
    defaults: Callable[[Settings], pydantic.BaseModel] | None = None,
    code_version: str = "1",
    group: str,
    kinds: set[str],
    scenes_per_run: int,
    gpu: GpuNeed | None = None,
    checks: tuple[Check, ...] = (),
    columns: str | None = None,
    own_network: bool = False,
    model_of: ModelSetting = "model",
    needs_model: Callable[[Any, Scene, ModelSpec], bool] | None = None,
    reads_of: Callable[[Any], tuple[str, ...]] | None = None,
    settle: Callable[[str, Any], Any] | None = None,
    start: Callable[[Any, ArtifactStore], dict[str, str]] | None = None,
    unrecorded: Collection[str] = (),
    optional: Collection[str] = (),
    outside: Callable[[Any, Scene], dict[str, str]] | None = None,
) -> Callable[[Make], SceneAsset]:
    """Declare the decorated function as a scene asset of its own name; arguments as in SceneAsset."""

    def declare(make: Make) -> SceneAsset:
        return SceneAsset(
            name=make.__name__,
            make=make,
            inputs=inputs,
            config=config,
            defaults=defaults or (lambda settings: config()),
            code_version=code_version,
            group=group,
            kinds=frozenset(kinds),
            scenes_per_run=scenes_per_run,
            gpu=gpu,
            checks=checks,
            columns=columns,
            own_network=own_network,
            model_of=model_of,
            needs_model=needs_model,
            reads_of=reads_of,
            settle=settle,
            start=start,
            unrecorded=frozenset(unrecorded),
            optional=frozenset(optional),
            outside=outside,
        )

    return declare
