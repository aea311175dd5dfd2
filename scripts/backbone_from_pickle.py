"""A backbone that detectron2 stores as a pickle (R-50.pkl, R-101.pkl) as a .safetensors file of torchvision's names.

Run it in an environment of your own, on a file you trust, then name the result as `network.backbone_weights`:

    python scripts/backbone_from_pickle.py R-50.pkl resnet50.safetensors

A pickle may run anything when it is read. Here only arrays, plain containers, numbers and texts are let through.
"""

from __future__ import annotations

import argparse
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"), ("numpy._core.multiarray", "_reconstruct"), ("numpy", "ndarray"),
    ("numpy", "dtype"), ("numpy.core.multiarray", "scalar"), ("collections", "OrderedDict"), ("_codecs", "encode"),
}  # fmt: skip
# Caffe2's names in R-50.pkl, detectron2's own, and those of torchvision
RULES = (
    (r"^(?:backbone\.)?(?:bottom_up\.)?stem\.conv1\.norm\.", "bn1."),
    (r"^(?:backbone\.)?(?:bottom_up\.)?stem\.", ""),
    (r"^(?:backbone\.)?(?:bottom_up\.)?res([2-5])\.(\d+)\.shortcut\.norm\.", r"layer<\1>.\2.downsample.1."),
    (r"^(?:backbone\.)?(?:bottom_up\.)?res([2-5])\.(\d+)\.shortcut\.", r"layer<\1>.\2.downsample.0."),
    (r"^(?:backbone\.)?(?:bottom_up\.)?res([2-5])\.(\d+)\.conv([123])\.norm\.", r"layer<\1>.\2.bn\3."),
    (r"^(?:backbone\.)?(?:bottom_up\.)?res([2-5])\.(\d+)\.", r"layer<\1>.\2."),
    (r"^res([2-5])_(\d+)_branch1_bn_", r"layer<\1>.\2.downsample.1."),
    (r"^res([2-5])_(\d+)_branch1_", r"layer<\1>.\2.downsample.0."),
    (r"^res([2-5])_(\d+)_branch2([abc])_bn_", r"layer<\1>.\2.bn{\3}."),
    (r"^res([2-5])_(\d+)_branch2([abc])_", r"layer<\1>.\2.conv{\3}."),
    (r"^res_conv1_bn_", "bn1."),
    (r"^conv1_", "conv1."),
)
ENDS = {"w": "weight", "s": "weight", "b": "bias", "beta": "bias", "gamma": "weight"}


class ArraysOnly(pickle.Unpickler):
    """Refuses everything that is not an array, a container, a number or a text."""

    def find_class(self, module: str, name: str) -> Any:
        """The class, where it is an allowed one."""
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"refused {module}.{name}: expected arrays alone")
        return super().find_class(module, name)


def torchvision_name(name: str) -> str:
    """The parameter's name in torchvision's ResNet."""
    for pattern, target in RULES:
        renamed, count = re.subn(pattern, target, name)
        if count:
            break
    renamed = re.sub(r"layer<(\d)>", lambda found: f"layer{int(found[1]) - 1}", renamed)
    renamed = re.sub(r"\{([abc])\}", lambda found: str("abc".index(found[1]) + 1), renamed)
    head, _, end = renamed.rpartition(".")
    return f"{head}.{ENDS.get(end, end)}" if head else renamed


def main() -> None:
    """Convert the file named on the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pickle", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    with arguments.pickle.open("rb") as file:
        stored = ArraysOnly(file, encoding="latin1").load()
    stored = stored.get("model", stored.get("blobs", stored))
    arrays = {
        torchvision_name(name): np.asarray(value, np.float32)
        for name, value in stored.items()
        if not name.startswith(("fc", "pred", "stem.fc")) and not name.endswith("momentum")
    }
    for name in [name for name in arrays if re.search(r"(bn\d|downsample\.1)\.weight$", name)]:
        head = name.removesuffix("weight")  # Caffe2 folded the statistics into scale and shift
        arrays.setdefault(f"{head}running_mean", np.zeros_like(arrays[name]))
        arrays.setdefault(f"{head}running_var", np.ones_like(arrays[name]) - np.float32(1e-5))
    save_file(arrays, arguments.out)
    print(f"{arguments.out}: {len(arrays)} parameters")


if __name__ == "__main__":
    main()
