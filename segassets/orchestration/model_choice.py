"""Which network a step uses and where it runs: the part of a config that all assets with a network share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from segassets.strict import StrictModel

if TYPE_CHECKING:
    from segassets.models.spec import ModelSpec


class ModelChoice(StrictModel):
    """A model of `configs/models/`, its device and its precision."""

    model: str = Field("nano", description="Name of a model in configs/models/.")
    device: str | None = Field(
        None, description="auto (a free GPU, else the CPU), cpu, cuda or cuda:<i>; empty for the model's own."
    )
    precision: Literal["fp32", "bf16", "fp16"] | None = Field(
        None, description="Precision of the network; empty for the model's own."
    )

    def spec(self) -> ModelSpec:
        """The model's description.

        Raises:
            BadConfig: there is no such model; names the nearest.
        """
        from segassets.models.registry import load_spec

        return load_spec(self.model)

    def wanted_device(self) -> str:
        """The device before a free GPU was found for it."""
        return self.device or self.spec().device

    def identity(self) -> dict[str, str]:
        """Name and checksum of the weights, for provenance."""
        from segassets.models.sam2.build import weights_sha256

        return {"name": self.model, "sha256": weights_sha256(self.spec())}

    def load(self, device: str) -> LoadedNetwork:
        """The network on `device`; read from disk once per process."""
        from segassets.models.sam2.build import get_network

        spec = self.spec()
        precision = self.precision or spec.precision
        return LoadedNetwork(get_network(spec, device, precision), precision)


@dataclass(frozen=True)
class LoadedNetwork:
    """A network in memory and the precision it runs in."""

    network: Any
    precision: str
