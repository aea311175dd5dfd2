"""What a model is: a name, a family, where its weights come from, how it runs. Imports no model."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from segassets.models.checksums import SHA256
from segassets.strict import StrictModel

Precision = Literal["fp32", "bf16", "fp16"]
_SHA256_TEXT = "SHA-256 the file must have; else the one it has when first seen is recorded beside it."


class HubSource(StrictModel):
    """Weights on the Hugging Face hub, downloaded on first use into the cache folder."""

    kind: Literal["hub"]
    repo: str = Field(description="Repository on the hub, e.g. facebook/sam2.1-hiera-tiny.")
    file: str = Field(description="Name of the checkpoint in that repository.")
    sha256: str | None = Field(None, pattern=SHA256, description=_SHA256_TEXT)

    @field_validator("file")
    @classmethod
    def _inside(cls, value: str) -> str:
        if value.startswith("/") or ".." in value.split("/"):
            raise ValueError("expected a file of the repository, found a path that leaves it")
        return value


class UrlSource(StrictModel):
    """Weights at an address, downloaded on first use into the cache folder."""

    kind: Literal["url"]
    url: str = Field(pattern=r"^https?://.+/[^/?#]+", description="Address of the checkpoint.")
    sha256: str | None = Field(None, pattern=SHA256, description=_SHA256_TEXT)


class FileSource(StrictModel):
    """A checkpoint on this machine: `.pt` in sam2's own layout, or `.safetensors`."""

    kind: Literal["file"]
    path: str = Field(
        description="Path of the checkpoint; ~ and ${VARIABLES} are expanded, a relative one starts at the "
        "folder that holds configs/, one with ./ at the folder of this file."
    )


class NanoSource(StrictModel):
    """The weights in this repository."""

    kind: Literal["nano"]


class RandomSource(StrictModel):
    """No weights: random values of a seed. For tests and measurements of speed."""

    kind: Literal["random"]
    seed: int = Field(0, description="Seed of the values.")


Source = Annotated[
    HubSource | UrlSource | FileSource | NanoSource | RandomSource, Field(discriminator="kind")
]


class ModelSpec(StrictModel):
    """One file of `configs/models/`."""

    name: str = Field(description="Name of the model; that of its file.")
    family: Literal["sam2"] = Field(description="Whose network it is.")
    description: str = Field("", description="One line about it.")
    licence: str = Field(description="Licence of the weights.")
    source: Source = Field(description="Where the weights come from.")
    config: str | None = Field(
        None, description="Configuration of the sam2 package, e.g. configs/sam2.1/sam2.1_hiera_t.yaml."
    )
    network: dict[str, Any] | None = Field(
        None, description="Or the network itself, in the terms of sam2's configurations."
    )
    image_size: int = Field(
        1024, ge=32, le=4096, description="Side of the square picture the network sees, in px."
    )
    device: str = Field("auto", description="auto (a GPU where there is one), cpu, cuda or cuda:<i>.")
    precision: Precision = Field("fp32", description="Precision of the network's arithmetic.")

    threshold: float = Field(
        0.5,
        gt=0,
        lt=1,
        description="Probability from which a pixel of a followed object is foreground; found by a threshold search.",
    )
    settings: dict[str, dict[str, Any]] = Field(
        {},
        description="Settings of a run that suit this model's scores, by section, e.g. candidates: {...}; a run's YAML "
        "comes over them.",
    )

    @field_validator("device")
    @classmethod
    def _known_device(cls, value: str) -> str:
        if value in ("auto", "cpu", "cuda") or (value.startswith("cuda:") and value[5:].isdigit()):
            return value
        raise ValueError("expected auto, cpu, cuda or cuda:<i>")

    @field_validator("image_size")
    @classmethod
    def _whole_features(cls, value: int) -> int:
        if value % 32:
            raise ValueError("expected a multiple of 32")
        return value

    @model_validator(mode="after")
    def _one_network(self) -> ModelSpec:
        if (self.config is None) == (self.network is None):
            raise ValueError("expected either 'config' or 'network'")
        return self
