"""Networks that see depth in single pictures; each is a `DepthEstimator` of segassets.models.protocols."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segassets.models.spec import ModelSpec, Precision

if TYPE_CHECKING:
    from segassets.models.protocols import DepthEstimator


def load_depth_estimator(
    spec: ModelSpec, device: str = "cpu", precision: Precision = "fp32"
) -> DepthEstimator:
    """The estimator of a model of the depth family.

    Args:
        device: cpu or cuda:<i>.

    Raises:
        MissingInput: the weights are not there. BadInput: they are of another architecture.
    """
    assert spec.depth is not None
    if spec.depth.network == "nano":
        from segassets.models.depth.nano_estimator import NanoDepthEstimator

        return NanoDepthEstimator.of(spec, device, precision)
    from segassets.models.depth.pretrained import PretrainedDepthEstimator

    return PretrainedDepthEstimator.of(spec, device, precision)
