"""Assets of trained networks as `evaluate` and `thresholds` need them: what to make, what must be there already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from segassets.cli.asked_run import Asked
    from segassets.cli.execution import Graph
    from segassets.config import Settings
    from segassets.storage.store import ArtifactStore


def chain_graph(asked: Asked, names: tuple[str, ...], values: dict[str, Any]) -> Graph:
    """Those assets of the kind's chain; what they read is taken as it is stored."""
    from segassets.assets.graph import EXPERIMENT_ASSETS, RUN_EXPERIMENTS, TRAIN_SCENES, TRAINING_ASSETS
    from segassets.cli.execution import Graph

    use, known = (
        (RUN_EXPERIMENTS, EXPERIMENT_ASSETS)
        if asked.kind == "experiment"
        else (TRAIN_SCENES, TRAINING_ASSETS)
    )
    assets = tuple(asset for asset in known if asset.name in names)
    stored = frozenset(upstream for asset in assets for upstream in asset.inputs) - set(names)
    return Graph(use.name, assets, values, stored)


def require(settings: Settings, asked: Asked, asset: str, command: str) -> None:
    """Raises MissingInput where something is not there yet that this command does not make."""
    from segassets.errors import MissingInput
    from segassets.storage.store import ArtifactStore

    store = ArtifactStore(settings.root, settings.tag)
    absent = [key for key in asked.keys if not store.has(asset, key)]
    if absent:
        raise MissingInput(
            f"{asset} of {', '.join(absent[:5])} is not under {settings.root} (tag {settings.tag}); make it with: "
            + command.format(key=absent[0])
        )


def fits(store: ArtifactStore, asset: str, key: str) -> bool:
    """Whether an artifact is there and can be used as it is."""
    from segassets.errors import SegassetsError

    try:
        store.open(asset, key)
    except SegassetsError:
        return False
    return True
