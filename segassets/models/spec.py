"""What a model is: a name, a family, where its weights come from, how it runs. Imports no model."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from segassets.models.checksums import SHA256
from segassets.strict import StrictModel

Precision = Literal["fp32", "bf16", "fp16"]
DepthKind = Literal["metric", "relative_inverse", "disparity"]
Family = Literal["sam2", "depth", "embedding", "seqformer"]
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


class FolderSource(StrictModel):
    """A folder on this machine as transformers' `save_pretrained` writes it: config.json, model.safetensors, ..."""

    kind: Literal["folder"]
    path: str = Field(description="Path of the folder, as that of a file.")


class HubFolderSource(StrictModel):
    """A model of several files on the Hugging Face hub, downloaded on first use into one folder of the cache."""

    kind: Literal["hub_folder"]
    repo: str = Field(description="Repository on the hub, e.g. Intel/dpt-large.")
    files: tuple[str, ...] = Field(
        ("model.safetensors", "config.json", "preprocessor_config.json"),
        min_length=1,
        description="What the model needs; the first holds its weights.",
    )
    sha256: str | None = Field(None, pattern=SHA256, description=f"Of the first file. {_SHA256_TEXT}")

    @field_validator("files")
    @classmethod
    def _inside(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if "/" in name or name in ("", ".", ".."):
                raise ValueError(f"expected names of files in the repository's first level, found {name!r}")
        return value


class NanoSource(StrictModel):
    """The weights in this repository."""

    kind: Literal["nano"]
    file: str = Field(
        "sam2_nano.safetensors",
        pattern=r"^[a-z0-9_]+\.safetensors$",
        description="Name of the file in segassets/models/nano/.",
    )


class RandomSource(StrictModel):
    """No weights: random values of a seed. For tests and measurements of speed."""

    kind: Literal["random"]
    seed: int = Field(0, description="Seed of the values.")


Source = Annotated[
    HubSource | HubFolderSource | UrlSource | FileSource | FolderSource | NanoSource | RandomSource,
    Field(discriminator="kind"),
]


class DepthNetwork(StrictModel):
    """What a depth model predicts, and whose code runs it."""

    network: Literal["nano", "transformers"] = Field(
        "transformers",
        description="This platform's own small network, or transformers' class for the checkpoint.",
    )
    kind: DepthKind = Field(
        description="What its values are: metric (metres along the optical axis), relative_inverse (1/z up to a scale "
        "and a shift) or disparity (1/z up to a scale)."
    )


class EmbeddingNetwork(StrictModel):
    """A model that puts pictures and texts into one space, and whose code runs it."""

    network: Literal["nano", "transformers"] = Field(
        "transformers",
        description="This platform's own small network, or transformers' class for the checkpoint.",
    )
    dim: int = Field(512, ge=1, description="Length of its vectors.")


class ModelSpec(StrictModel):
    """One file of `configs/models/`."""

    name: str = Field(description="Name of the model; that of its file.")
    family: Family = Field(
        description="What it does: sam2 (prompted masks and tracks), depth, embedding (pictures and words), seqformer "
        "(instances in clips)."
    )
    description: str = Field("", description="One line about it.")
    licence: str = Field(description="Licence of the weights.")
    source: Source = Field(description="Where the weights come from.")
    config: str | None = Field(
        None, description="Configuration of the sam2 package, e.g. configs/sam2.1/sam2.1_hiera_t.yaml."
    )
    network: dict[str, Any] | None = Field(
        None,
        description="Or the network itself: in the terms of sam2's configurations, or the sizes of a seqformer.",
    )
    depth: DepthNetwork | None = Field(None, description="Of the depth family.")
    embedding: EmbeddingNetwork | None = Field(None, description="Of the embedding family.")
    processor: dict[str, Any] = Field(
        {}, description="Changes to the preprocessing that a checkpoint of transformers brings along."
    )
    image_size: int = Field(
        1024,
        ge=32,
        le=4096,
        description="Side of the picture the network sees, in px; for transformers its own files say it.",
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

    @model_validator(mode="after")
    def _of_its_family(self) -> ModelSpec:
        for section in ("depth", "embedding"):
            if (getattr(self, section) is not None) != (self.family == section):
                word = "expected" if self.family == section else "unexpected"
                raise ValueError(f"'{section}': {word} for a model of family {self.family}")
        if self.family == "sam2":
            if (self.config is None) == (self.network is None):
                raise ValueError("expected either 'config' or 'network'")
            if self.image_size % 32:
                raise ValueError(f"'image_size': expected a multiple of 32, found {self.image_size}")
        elif self.config is not None:
            raise ValueError(f"'config': unexpected for a model of family {self.family}")
        elif (self.network is not None) != (self.family == "seqformer"):
            raise ValueError("'network': expected for the families sam2 and seqformer alone")
        return self
