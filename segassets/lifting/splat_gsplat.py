"""Gaussians rendered by gsplat on a CUDA device, behind the arguments of `splat.render`. Optional: extra `gsplat`."""

from __future__ import annotations

import numpy as np

from segassets.errors import MissingInput
from segassets.geometry.cameras import Pinhole
from segassets.geometry.gaussians import SH_C0, Gaussians
from segassets.geometry.poses import inverse, rigid_pose
from segassets.lifting.splat import LEAST_ALPHA, LOW_PASS_PX2, Rendered


def render_gsplat(
    gaussians: Gaussians,
    pinhole: Pinhole,
    camera_to_world: np.ndarray,
    *,
    background: tuple[float, float, float] = (0.0, 0.0, 0.0),
    near: float = 0.01,
) -> Rendered:
    """A view of Gaussians; arguments and result as in `splat.render`.

    Raises:
        MissingInput: gsplat is not installed, or there is no CUDA device.
        BadInput: a Gaussian or the pose is not finite, or the pose is not rigid.
    """
    try:
        import torch
        from gsplat import rasterization
    except ImportError as error:
        raise MissingInput(
            f"rendering.renderer is gsplat, which is not here ({error}); install it with: pip install "
            "'segassets[gsplat]', or set rendering.renderer=cpu"
        ) from error
    if not torch.cuda.is_available():
        raise MissingInput(
            "rendering.renderer is gsplat, which needs a CUDA device, and none is here; set rendering.renderer=cpu"
        )
    gaussians.refuse_nonfinite()
    back = inverse(rigid_pose(camera_to_world, "the view"))

    def there(array: np.ndarray) -> torch.Tensor:
        return torch.tensor(np.ascontiguousarray(array), dtype=torch.float32, device="cuda")

    shape = (pinhole.height, pinhole.width)
    if len(gaussians) == 0:
        empty = np.zeros(shape, np.float32)
        ground = np.rint(np.clip(background, 0, 1) * np.float64(255)).astype(np.uint8)
        return Rendered(np.broadcast_to(ground, (*shape, 3)).copy(), empty, empty.copy())
    picture, alpha, _ = rasterization(
        means=there(gaussians.xyz),
        quats=there(gaussians.rotation_wxyz),
        scales=there(np.exp(gaussians.log_scale)),
        opacities=there(1 / (1 + np.exp(-gaussians.opacity_logit))),
        colors=there(np.clip(gaussians.f_dc * SH_C0 + 0.5, 0, 1)),
        viewmats=there(back)[None],
        Ks=there(pinhole.matrix)[None],
        width=pinhole.width,
        height=pinhole.height,
        near_plane=near,
        eps2d=LOW_PASS_PX2,
        render_mode="RGB+D",
    )
    found, covered = picture[0].cpu().numpy(), alpha[0, :, :, 0].cpu().numpy()
    colour = found[:, :, :3] + (1 - covered)[:, :, None] * np.asarray(background)
    depth = np.divide(found[:, :, 3], covered, out=np.zeros(shape, np.float32), where=covered > LEAST_ALPHA)
    return Rendered(np.rint(np.clip(colour, 0, 1) * 255).astype(np.uint8), covered.astype(np.float32), depth)
