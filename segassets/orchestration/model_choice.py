"""Which network a step uses and where it runs: the part of a config that all assets with a network share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from segassets.strict import StrictModel

if TYPE_CHECKING:
    from segassets.models.spec import Family, ModelSpec
    from segassets.storage.store import ArtifactStore

# Settings that name a model, and the family it must be of.
ModelSetting = Literal["model", "depth_model", "embedding_model"]
FAMILIES: dict[ModelSetting, Family] = {
    "model": "sam2",
    "depth_model": "depth",
    "embedding_model": "embedding",
}


class ModelChoice(StrictModel):
    """A model of `configs/models/`, its device and its precision."""

    model: str = Field(
        "nano",
        description="Name of a model in configs/models/, or a trained one: experiment:<name>, scene:<key>.",
    )
    device: str | None = Field(
        None, description="auto (a free GPU, else the CPU), cpu, cuda or cuda:<i>; empty for the model's own."
    )
    precision: Literal["fp32", "bf16", "fp16"] | None = Field(
        None, description="Precision of the network; empty for the model's own."
    )

    def spec(self, store: ArtifactStore, setting: ModelSetting = "model") -> ModelSpec:
        """The model's description; a trained one is looked for in the store.

        Args:
            setting: which of the settings' models this is.

        Raises:
            BadConfig: there is no such model (names the nearest), or it is of another family.
            MissingInput, StaleInput: it is not trained, or from what has changed since.
        """
        from segassets.models.registry import check_family, load_spec

        return check_family(load_spec(self.model, store), FAMILIES[setting], setting)

    def wanted_device(self, store: ArtifactStore) -> str:
        """The device before a free GPU was found for it."""
        from segassets.models.registry import load_spec

        return self.device or load_spec(self.model, store).device

    def identity(self, store: ArtifactStore, setting: ModelSetting = "model") -> dict[str, str]:
        """Name and checksum of the weights, for provenance, and the threshold where it is the model's own."""
        from segassets.models.registry import identity

        return identity(self.spec(store, setting), self.model)

    def load(self, device: str, store: ArtifactStore, setting: ModelSetting = "model") -> LoadedNetwork:
        """The network on `device`; read from disk once per process."""
        from segassets.models.load import load_model

        spec = self.spec(store, setting)
        precision = self.precision or spec.precision
        return LoadedNetwork(load_model(spec, device, precision), precision, spec.threshold)


@dataclass(frozen=True)
class LoadedNetwork:
    """A network in memory, the precision it runs in, the probability from which a pixel is foreground."""

    network: Any
    precision: str
    threshold: float = 0.5
