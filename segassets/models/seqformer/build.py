"""SeqFormers from a ModelSpec: built, loaded, or begun with the values of a backbone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from segassets.errors import BadInput, MissingInput
from segassets.models.seqformer.config import SeqFormerConfig, WindowConfig
from segassets.models.spec import ModelSpec, RandomSource
from segassets.strict import parse

if TYPE_CHECKING:
    import torch

    from segassets.models.seqformer.network import SeqFormer
    from segassets.models.seqformer.video import VideoSegmenter

CONVERTER = "scripts/backbone_from_pickle.py"


def seqformer_config(spec: ModelSpec) -> SeqFormerConfig:
    """The network's sizes.

    Raises:
        BadConfig: a wrong size; names it.
    """
    return parse(SeqFormerConfig, spec.network or {}, f"model {spec.name!r}: network")


def build_seqformer(spec: ModelSpec, device: str = "cpu") -> SeqFormer:
    """The network with the weights of the spec, in evaluation mode; VNext's checkpoints are recognised.

    Raises:
        MissingInput: the weights are not there. BadInput: they are of another architecture.
    """
    import torch

    from segassets.models.sam2.build import load_parameters
    from segassets.models.seqformer.network import SeqFormer
    from segassets.models.weights import fetch_weights, read_weights

    config = seqformer_config(spec)
    source = spec.source
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(source.seed if isinstance(source, RandomSource) else 0)
        network = SeqFormer(config)
    if isinstance(source, RandomSource):
        if config.backbone_weights:
            load_backbone(network, config.backbone_weights)
    else:
        path = fetch_weights(spec)
        load_parameters(network, _by_our_names(network, read_weights(path)), path)
    return network.to(device).eval()


def load_segmenter(
    spec: ModelSpec, device: str = "cpu", windows: WindowConfig | None = None
) -> VideoSegmenter:
    """What gives the tubes of videos; errors as in `build_seqformer`."""
    from segassets.models.seqformer.video import VideoSegmenter

    network = build_seqformer(spec, device).requires_grad_(False)
    return VideoSegmenter(network, spec.image_size, windows)


def load_backbone(network: SeqFormer, weights: str) -> None:
    """Give the backbone the values of a file: torchvision's or transformers' names; or `nano`.

    Args:
        weights: `nano`, or a path of a .safetensors or .pth file.

    Raises:
        MissingInput: there is no such file.
        BadInput: a pickle (names what converts it), or of another backbone (names what is missing).
    """
    path = (
        Path(__file__).parent.parent / "nano" / "sam2_nano.safetensors"
        if weights == "nano"
        else Path(weights)
    )
    found = _read_backbone(path.expanduser())
    wanted = network.backbone.state_dict()
    found = {name: value for name, value in found.items() if name in wanted}
    missing = [
        name
        for name in wanted
        if name not in found and not name.endswith(("layernorm.weight", "layernorm.bias"))
    ]
    missing = [name for name in missing if "hidden_states_norms" not in name]  # a classifier has none
    if missing:
        raise BadInput(
            f"{path}: expected the weights of a {network.config.backbone.kind} backbone, found no {missing[0]} (and "
            f"{len(missing) - 1} others); choose the network.backbone that belongs to these weights"
        )
    network.backbone.load_state_dict(found, strict=False)


def _read_backbone(path: Path) -> dict[str, torch.Tensor]:
    """Parameters under the names of this platform's backbones."""
    stored: Any
    if path.suffix == ".pkl":
        raise BadInput(_is_pickle(path))
    if not path.is_file():
        raise MissingInput(f"backbone_weights: no file {path}")
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        stored = load_file(path)
    else:
        import torch

        try:
            stored = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # unpicklers and zip readers raise many kinds
            raise BadInput(_is_pickle(path)) from error
        if not isinstance(stored, dict):
            raise BadInput(f"{path}: expected parameters by name, found {type(stored).__name__}")
        stored = stored.get("model", stored.get("state_dict", stored))
    if any(name.startswith("image_encoder.") for name in stored):
        return {name.removeprefix("image_encoder."): value.float() for name, value in stored.items()}
    if any(name.startswith("swin.") for name in stored):
        return {f"swin.{name}": value.float() for name, value in stored.items()}
    return {name: value.float() for name, value in stored.items()}


def _is_pickle(path: Path) -> str:
    return (
        f"{path}: a pickle, which may run code when it is read. Convert it where it can be trusted: "
        f"python {CONVERTER} {path} {path.with_suffix('.safetensors').name}"
    )


def _by_our_names(network: SeqFormer, parameters: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """VNext's parameters renamed; those Swin has for other uses added as they are."""
    from segassets.models.seqformer.vnext import from_vnext, is_vnext

    if not is_vnext(parameters):
        return parameters
    found = from_vnext(parameters)
    own = network.state_dict()
    return {name: own[name] for name in own if name.startswith("backbone.swin.swin.layernorm.")} | found
