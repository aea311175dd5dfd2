"""Which network a step uses and where it runs: the part of a config that all assets with a network share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from segassets.strict import StrictModel

if TYPE_CHECKING:
    from segassets.models.spec import ModelSpec
    from segassets.storage.store import ArtifactStore


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

    def spec(self, store: ArtifactStore) -> ModelSpec:
        """The model's description; a trained one is looked for in the store.

        Raises:
            BadConfig: there is no such model; names the nearest.
            MissingInput, StaleInput: it is not trained, or from what has changed since.
        """
        from segassets.models.registry import load_spec

        return load_spec(self.model, store)

    def wanted_device(self, store: ArtifactStore) -> str:
        """The device before a free GPU was found for it."""
        return self.device or self.spec(store).device

    def identity(self, store: ArtifactStore) -> dict[str, str]:
        """Name and checksum of the weights, for provenance, and the threshold where it is the model's own."""
        from segassets.models.registry import identity

        return identity(self.spec(store), self.model)

    def load(self, device: str, store: ArtifactStore) -> LoadedNetwork:
        """The network on `device`; read from disk once per process."""
        from segassets.models.sam2.build import get_network

        spec = self.spec(store)
        precision = self.precision or spec.precision
        return LoadedNetwork(get_network(spec, device, precision), precision, spec.threshold)


@dataclass(frozen=True)
class LoadedNetwork:
    """A network in memory, the precision it runs in, the probability from which a pixel is foreground."""

    network: Any
    precision: str
    threshold: float = 0.5
