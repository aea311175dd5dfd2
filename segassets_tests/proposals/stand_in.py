"""A program that obeys the contract of external engines, or breaks it in the way its first argument names."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "docs" / "external_engine"))
from engine_io import run, write_result

behaviour = sys.argv[1]
request_path, result = (Path(sys.argv[sys.argv.index(name) + 1]) for name in ("--request", "--result"))
request = json.loads(request_path.read_text())


def propose(rgb: np.ndarray, path: Path, request: dict) -> list[dict]:
    """The left half of the picture, its upper half, and a corner of that; brightness tells frames apart."""
    height, width = rgb.shape[:2]
    masks = np.zeros((3, height, width), bool)
    masks[0, :, : width // 2] = True
    masks[1, : height // 2, : width // 2 + 1] = True
    masks[2, : height // 4, : width // 4] = True
    levels = [entry["level"] for entry in request["levels"]]
    return [
        {"segmentation": mask, "level": level, "stability": 0.9, "predicted_iou": float(rgb[0, 0, 0]) / 255}
        for mask, level in zip(masks, levels, strict=False)
    ]


def write_json(entry: dict, **changes: object) -> None:
    size = entry["height"] * entry["width"]
    mask = {
        "rle_counts": changes.pop("rle_counts", None) or counts(size),
        "level": 2,
        "stability": 0.5,
    } | changes
    values = {"format": "segassets.candidates.result", "version": 1, "frame": entry["frame"], "masks": [mask]}
    values |= {"height": entry["height"], "width": entry["width"]}
    staging = result / "staging"
    staging.write_text(json.dumps(values))
    os.replace(staging, result / f"{entry['frame']:06d}.json")


def counts(size: int) -> str:
    from pycocotools import mask

    return mask.encode(np.asfortranarray(np.ones((size, 1), np.uint8)))["counts"].decode()


def save(entry: dict, **arrays: np.ndarray) -> None:
    height, width = entry["height"], entry["width"]
    sound = {
        "size": np.array([height, width]),
        "masks": np.full((1, (height * width + 7) // 8), 255, np.uint8),
        "level": np.array([2]),
    }
    np.savez(
        result / f"{entry['frame']:06d}.npz", **{k: v for k, v in (sound | arrays).items() if v is not None}
    )


first = request["frames"][0]
height, width = first["height"], first["width"]
print(f"stand-in {behaviour} of {os.environ.get('STAND_IN', 'nobody')}", file=sys.stderr, flush=True)
if behaviour == "obeys":
    run(propose)
elif behaviour == "json":
    for entry in request["frames"]:
        write_json(entry)
elif behaviour == "none":
    for entry in request["frames"]:
        write_result(result, entry, [])
elif behaviour == "crashes":
    write_result(result, first, propose(np.zeros((height, width, 3), np.uint8), request_path, request))
    raise RuntimeError("CUDA out of memory")
elif behaviour == "killed":
    os.kill(os.getpid(), 9)
elif behaviour == "forgets":
    for entry in request["frames"][:-1]:
        write_json(entry)
elif behaviour == "hangs":
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    Path(os.environ["CHILD_PID"]).write_text(str(child.pid))
    time.sleep(60)
elif behaviour == "lingers":
    for entry in request["frames"]:
        write_json(entry)
    time.sleep(60)
elif behaviour == "garbage_npz":
    (result / "000000.npz").write_bytes(b"\x00garbage")
elif behaviour == "garbage_json":
    (result / "000000.json").write_text("{not json")
elif behaviour == "pickle":
    save(first, masks=np.array([{"a": 1}], object))
elif behaviour == "wrong_size":
    save(first, size=np.array([height + 1, width]))
elif behaviour == "wrong_shape":
    save(first, masks=np.zeros((1, 3), np.uint8))
elif behaviour == "huge":
    header = {"descr": "|u1", "fortran_order": False, "shape": (9999, 10**12)}
    import zipfile

    with zipfile.ZipFile(result / "staging", "w") as archive:
        for name, values in (("size", np.array([height, width])), ("level", np.array([2]))):
            with archive.open(f"{name}.npy", "w") as stream:
                np.lib.format.write_array(stream, values)
        with archive.open("masks.npy", "w") as stream:
            np.lib.format.write_array_header_1_0(stream, header)
    os.replace(result / "staging", result / "000000.npz")
elif behaviour == "no_level":
    save(first, level=None)
elif behaviour == "unknown_level":
    save(first, level=np.array([5]))
elif behaviour == "bad_score":
    save(first, stability=np.array([1.5]))
elif behaviour == "bad_parent":
    save(first, parent=np.array([7]))
elif behaviour == "own_parent":
    save(first, parent=np.array([0]))
elif behaviour == "lying_rle":
    write_json(first, rle_counts="0PPPPPPP1")
elif behaviour == "rle_of_another_size":
    write_json(first, rle_counts=counts(5))
elif behaviour == "text_score":
    write_json(first, stability="high")
else:
    raise SystemExit(f"unknown behaviour {behaviour}")
