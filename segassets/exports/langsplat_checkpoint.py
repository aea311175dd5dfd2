"""Checkpoints as LangSplat saves them: `(parameters, iteration)`, plain tensors that load with weights_only.

The parameters are a tuple: degree of spherical harmonics, xyz (N, 3), colours of degree 0 (N, 1, 3) and above
(N, 15, 3), logarithms of scales (N, 3), quaternions w x y z (N, 4), logits of opacities (N, 1), with language features
(N, 3) here in the form of 13, then three accumulators of densification, the optimizer's state and the extent of the
cameras. A form of 12 is what LangSplat's training of features starts from, a form of 13 what it ends with.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from segassets.errors import BadInput
from segassets.geometry.gaussians import Gaussians
from segassets.storage import atomic

_REST = 15  # coefficients of degrees 1 to 3
_GROUPS = ("xyz", "f_dc", "f_rest", "opacity", "scaling", "rotation")


def write_checkpoint(
    path: Path,
    gaussians: Gaussians,
    extent: float,
    iteration: int,
    language_features: np.ndarray | None = None,
) -> None:
    """Write a checkpoint of 12 parameters, or of 13 with language features (N, 3).

    Args:
        extent: of the cameras, in the Gaussians' unit: what learning rates of positions are scaled by.

    Raises:
        BadInput: a number is not finite, an extent that is not positive, or features of another shape.
    """
    import torch

    gaussians.refuse_nonfinite()
    count = len(gaussians)
    if not (np.isfinite(extent) and extent > 0):
        raise BadInput(f"{path}: expected an extent > 0, found {extent}")
    if language_features is not None and (
        language_features.shape != (count, 3) or not np.isfinite(language_features).all()
    ):
        raise BadInput(
            f"{path}: expected finite language features ({count}, 3), found {language_features.shape}"
        )

    def tensor(array: np.ndarray, *shape: int) -> Any:
        return torch.tensor(np.asarray(array, np.float32)).reshape(count, *shape).requires_grad_()

    learned = {
        "xyz": tensor(gaussians.xyz, 3),
        "f_dc": tensor(gaussians.f_dc, 1, 3),
        "f_rest": torch.zeros(count, _REST, 3).requires_grad_(),
        "scaling": tensor(gaussians.log_scale, 3),
        "rotation": tensor(gaussians.rotation_wxyz, 4),
        "opacity": tensor(gaussians.opacity_logit, 1),
    }
    features = () if language_features is None else (tensor(language_features, 3),)
    groups = {name: learned[name] for name in _GROUPS} if not features else {"language_feature": features[0]}
    adam = torch.optim.Adam(
        [{"params": [value], "name": name} for name, value in groups.items()], 0.0, eps=1e-15
    )
    sums = (torch.zeros(count), torch.zeros(count, 1), torch.zeros(count, 1))
    parameters = (0, *learned.values(), *features, *sums, adam.state_dict(), float(extent))
    stream = io.BytesIO()
    torch.save((parameters, int(iteration)), stream)
    atomic.write_bytes(path, stream.getvalue())
