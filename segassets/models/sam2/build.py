"""SAM2 networks from a ModelSpec: built from sam2's configurations without Hydra, loaded, checked, cached."""

from __future__ import annotations

import copy
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segassets.errors import BadConfig, BadInput
from segassets.models.sam2.instantiate import instantiate, prepare_sam2
from segassets.models.spec import ModelSpec, RandomSource
from segassets.models.weights import fetch_weights, read_weights, weights_sha256
from segassets.runtime.allocator import keep_freed_memory

if TYPE_CHECKING:
    import torch

__all__ = [
    "build_sam2_network", "build_sam2_video_predictor", "get_network", "network_config", "resolve_device",
    "weights_sha256",
]  # fmt: skip

BASE = "sam2.modeling.sam2_base.SAM2Base"
PREDICTOR = "sam2.sam2_video_predictor.SAM2VideoPredictor"

_cache: dict[tuple[str, str], Any] = {}
_cache_lock = threading.Lock()


def get_network(spec: ModelSpec, device: str = "auto", precision: str = "fp32") -> Any:
    """The network of a spec on a device, read from disk once per process.

    Weights stay float32 whatever the precision: adapters run them under autocast.
    """
    device = resolve_device(device)
    key = (spec.model_dump_json(), device)
    with _cache_lock:
        if key not in _cache:
            _cache[key] = build_sam2_network(spec, device)
        return _cache[key]


def build_sam2_network(spec: ModelSpec, device: str = "cpu", overrides: dict[str, Any] | None = None) -> Any:
    """A `SAM2Base` with the weights of the spec, in eval mode; on a processor with the layers of `processor_layers`.

    Args:
        overrides: arguments of the network to change, as in `network_config`.

    Raises:
        MissingInput: the weights are not there.
        BadInput: the checkpoint is of another architecture; names the first parameters that differ.
    """
    network = _sams_own(spec, device, overrides)
    if next(network.parameters()).device.type == "cpu":
        from segassets.models.sam2.processor_layers import quicken

        quicken(network)
    return network


def build_sam2_video_predictor(
    spec: ModelSpec, device: str = "cpu", overrides: dict[str, Any] | None = None
) -> Any:
    """sam2's own `SAM2VideoPredictor` on the same weights, without post-processing unless `overrides` ask for
    it."""
    return _sams_own(spec, device, {"_target_": PREDICTOR, "fill_hole_area": 0, **(overrides or {})})


def _sams_own(spec: ModelSpec, device: str, overrides: dict[str, Any] | None) -> Any:
    """The network made of sam2's own classes."""
    import torch

    network_arguments = network_config(spec, overrides)
    seed = spec.source.seed if isinstance(spec.source, RandomSource) else 0
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = instantiate(network_arguments)
    if not isinstance(spec.source, RandomSource):
        path = fetch_weights(spec)
        load_parameters(network, read_weights(path), path)
    device = resolve_device(device)
    if device == "cpu":
        keep_freed_memory()
    return network.to(device).eval().requires_grad_(False)


def network_config(spec: ModelSpec, overrides: dict[str, Any] | None = None) -> dict[str, Any]:
    """The network in the terms of sam2's configurations, at the spec's picture size.

    Args:
        overrides: dotted paths and their values, e.g. {"num_maskmem": 4, "memory_attention.num_layers": 2}.

    Raises:
        BadConfig: the sam2 package has no such configuration.
    """
    prepare_sam2()
    found = copy.deepcopy(spec.network) if spec.network is not None else _packaged_config(spec)
    found["image_size"] = spec.image_size
    side = spec.image_size // found.get("backbone_stride", 16)
    for attention in ("self_attention", "cross_attention"):
        found["memory_attention"]["layer"][attention]["feat_sizes"] = [side, side]
    for path, value in (overrides or {}).items():
        *sections, last = path.split(".")
        node = found
        for section in sections:
            node = node[section]
        node[last] = value
    return found


def load_parameters(network: torch.nn.Module, parameters: dict[str, torch.Tensor], where: Path | str) -> None:
    """Copy parameters of any float type into a network of exactly their names and shapes.

    Raises:
        BadInput: they are of another architecture.
    """
    wanted = network.state_dict()
    problems = []
    for title, names in (("missing", wanted.keys() - parameters), ("unexpected", parameters.keys() - wanted)):
        if names:
            problems.append(f"{title} {_first(sorted(names))}")
    shapes = [
        f"{name} {tuple(value.shape)} instead of {tuple(wanted[name].shape)}"
        for name, value in parameters.items()
        if name in wanted and value.shape != wanted[name].shape
    ]
    if shapes:
        problems.append(f"other shapes {_first(shapes)}")
    if problems:
        raise BadInput(
            f"{where}: a checkpoint of another architecture: {'; '.join(problems)}. "
            "Choose the 'config' (or 'network') that belongs to these weights"
        )
    network.load_state_dict(parameters)


def resolve_device(device: str) -> str:
    """ "auto" is the first GPU where there is one, else the CPU.

    Raises:
        BadConfig: a GPU that is not there.
    """
    import torch

    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device == "auto":
        return "cuda:0" if gpus else "cpu"
    if device.startswith("cuda"):
        index = int(device.partition(":")[2] or 0)
        if index >= gpus:
            raise BadConfig(
                f"device {device!r}: this machine has {gpus} usable GPUs; use device=cpu or device=auto"
            )
        return f"cuda:{index}"
    return device


def _packaged_config(spec: ModelSpec) -> dict[str, Any]:
    import sam2
    from omegaconf import OmegaConf

    folder = Path(sam2.__file__).parent
    path = folder / str(spec.config)
    if not path.is_file() or not path.resolve().is_relative_to(folder.resolve()):
        known = ", ".join(
            sorted(str(p.relative_to(folder)) for p in folder.glob("configs/sam2*/sam2*hiera_*.yaml"))
        )
        raise BadConfig(f"model {spec.name!r}: 'config': sam2 has no {spec.config!r}; known: {known}")
    # OmegaConf, because plain YAML reads sam2's 1e-6 as text
    found: Any = OmegaConf.to_container(OmegaConf.load(path), resolve=True)
    return found["model"]


def _first(names: list[str], count: int = 4) -> str:
    return f"({len(names)}) {', '.join(names[:count])}" + (", ..." if len(names) > count else "")
