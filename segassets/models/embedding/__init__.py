"""Networks that put pictures and texts into one space; each is an `Embedder` of segassets.models.protocols."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segassets.models.spec import ModelSpec, Precision

if TYPE_CHECKING:
    from segassets.models.protocols import Embedder


def load_embedder(spec: ModelSpec, device: str = "cpu", precision: Precision = "fp32") -> Embedder:
    """The embedder of a model of the embedding family.

    Args:
        device: cpu or cuda:<i>.

    Raises:
        MissingInput: the weights are not there. BadInput: they are of another architecture.
    """
    assert spec.embedding is not None
    if spec.embedding.network == "nano":
        from segassets.models.embedding.nano_embedder import NanoEmbedder

        return NanoEmbedder.of(spec, device, precision)
    from segassets.models.embedding.pretrained import PretrainedEmbedder

    return PretrainedEmbedder.of(spec, device, precision)
