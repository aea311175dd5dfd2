"""VideoCutLER run on one scene, in its own environment: frames in, `mask_*.png` out, and what became of it.

Its demonstration program is called as its documentation says (--config-file, --input, --output, --save-frames,
--save-masks, --confidence-threshold, --opts); it reads a folder of JPEGs and writes one picture of ids a frame. Every
call leaves a record and a log, from which the lists of failed and empty videos are written.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from PIL import Image

from segassets.datasets.id_folders import list_masks
from segassets.errors import BadConfig, EngineFailed, MissingInput
from segassets.proposals.program import ending, started
from segassets.proposals.pseudo_config import VideocutlerConfig
from segassets.proposals.pseudo_masks import Progress
from segassets.storage import atomic

if TYPE_CHECKING:
    from segassets.datasets.frames import FrameSource

Status = Literal["done", "empty", "oom", "exception", "incomplete"]
FAILED: tuple[Status, ...] = ("oom", "exception", "incomplete")
_POLL_S = 0.2
_JPEG_QUALITY = 95
_OUT_OF_MEMORY = ("out of memory", "cuda error: out of memory", "cannot allocate memory", "memoryerror")


@dataclass(frozen=True)
class VideocutlerRun:
    """What became of a call.

    Attributes:
        status: done; empty, an ordinary video without instances; or how it failed.
        masks: mask pictures written, of `frames`.
        log: what the program printed.
    """

    scene: str
    status: Status
    frames: int
    masks: int
    exit_code: int | None
    seconds: float
    confidence: float
    log: str


def run_videocutler(
    source: FrameSource,
    scene: str,
    config: VideocutlerConfig,
    work_dir: Path,
    records: Path,
    device: str = "cpu",
    progress: Progress | None = None,
) -> tuple[Path, VideocutlerRun]:
    """The folder of a scene's mask pictures; a call that was finished before is not repeated.

    Args:
        work_dir: survives a kill; belongs to this scene and these settings.
        records: folder of the records, logs and lists of all scenes.
        device: cpu, cuda or cuda:<i>; the program sees this GPU alone.

    Raises:
        MissingInput: the program, its environment or its weights are not there.
        EngineFailed: it ran out of memory, failed, or wrote fewer pictures than there are frames; with its log's end.
    """
    command = _command(config, work_dir, scene, device)
    folder = work_dir / "output" / scene
    records.mkdir(parents=True, exist_ok=True)
    log = records / f"{scene}.log"
    began = time.monotonic()
    exit_code: int | None = 0
    if len(list_masks(folder)) != len(source):
        shutil.rmtree(work_dir / "output", ignore_errors=True)
        _write_frames(source, work_dir / "input" / scene)
        exit_code = _call(command, config, log, device, folder, len(source), progress)
        shutil.rmtree(work_dir / "input", ignore_errors=True)
    elif not log.is_file():
        log.write_text("finished before\n", "utf-8")
    masks = len(list_masks(folder))
    status = classify(exit_code, masks, len(source), log.read_text("utf-8", "replace"))
    took = round(time.monotonic() - began, 2)
    run = VideocutlerRun(scene, status, len(source), masks, exit_code, took, config.confidence, str(log))
    atomic.write_text(records / f"{scene}.json", json.dumps(asdict(run), indent=1))
    write_lists(records)
    if status in FAILED:
        raise EngineFailed(
            f"scene {scene}: VideoCutLER: {status}: exit code {exit_code}, {masks} mask pictures of {len(source)} "
            f"frames. {ending(log)}"
        )
    return folder, run


def classify(exit_code: int | None, masks: int, frames: int, log: str) -> Status:
    """What an ended call came to.

    Args:
        exit_code: None where the program stood still and was ended.
        masks: mask pictures it wrote, of `frames`.
    """
    if masks == frames:
        return "done"
    text = log.lower()
    if exit_code == -9 or any(words in text for words in _OUT_OF_MEMORY):
        return "oom"
    if exit_code == 0:
        return "empty" if masks == 0 else "incomplete"
    if masks == 0 and "in save_masks" in text and "indexerror" in text:
        return "empty"  # VideoCutLER's own program stops so where it has found nothing
    return "exception"


def write_lists(records: Path) -> dict[str, int]:
    """`failed_{oom,exception,incomplete,empty,all}.txt` and `empty_videos.txt` of all records: a scene a line.

    `failed_all` holds the three kinds of failures; empty videos are no failures and have lists of their own.

    Returns:
        Scenes by status.
    """
    runs = [json.loads(path.read_text("utf-8")) for path in sorted(records.glob("*.json"))]
    by_status = {
        status: [run["scene"] for run in runs if run["status"] == status]
        for status in ("done", "empty", *FAILED)
    }
    lists = {f"failed_{status}": by_status[status] for status in (*FAILED, "empty")}
    lists["failed_all"] = sorted(scene for status in FAILED for scene in by_status[status])
    lists["empty_videos"] = by_status["empty"]
    for name, scenes in lists.items():
        atomic.write_text(records / f"{name}.txt", "".join(f"{scene}\n" for scene in scenes))
    return {status: len(scenes) for status, scenes in by_status.items()}


def _command(config: VideocutlerConfig, work_dir: Path, scene: str, device: str) -> list[str]:
    root = Path(os.path.expandvars(config.root)).expanduser()
    python = shutil.which(os.path.expandvars(config.python))
    if python is None:
        raise BadConfig(
            f"'pseudo_masks.videocutler.python': expected a Python interpreter, found no {config.python!r}"
        )
    for name in ("script", "config_file", "weights"):
        path = root / getattr(config, name)
        if not path.is_file():
            raise MissingInput(f"'pseudo_masks.videocutler.{name}': expected a file at {path}, found nothing")
    options = ["MODEL.WEIGHTS", str(root / config.weights)]
    if device == "cpu":
        options += ["MODEL.DEVICE", "cpu"]
    return [
        python, str(root / config.script), "--config-file", str(root / config.config_file),
        "--input", str(work_dir / "input" / scene / "*.jpg"), "--output", str(work_dir / "output"),
        "--save-frames", "True", "--save-masks", "True", "--confidence-threshold", f"{config.confidence:g}",
        *config.arguments, "--opts", *options, *config.options,
    ]  # fmt: skip


def _write_frames(source: FrameSource, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with atomic.disk_errors(folder):
        for frame, rgb in source.iterate():
            Image.fromarray(rgb).save(folder / f"{frame:05d}.jpg", quality=_JPEG_QUALITY, subsampling=0)


def _call(
    command: list[str],
    config: VideocutlerConfig,
    log: Path,
    device: str,
    folder: Path,
    frames: int,
    progress: Progress | None,
) -> int | None:
    """The program's exit code; None where no picture came for `timeout_s` and it was ended."""
    env = {"CUDA_VISIBLE_DEVICES": _visible(device)} | config.env
    root = Path(os.path.expandvars(config.root)).expanduser()
    with started(command, log, env, root) as process:
        latest, written = time.monotonic(), 0
        while process.poll() is None:
            found = len(list_masks(folder))
            if found > written:
                latest, written = time.monotonic(), found
                if progress:
                    progress(written, frames, "mask pictures")
            if time.monotonic() - latest > config.timeout_s:
                return None
            time.sleep(_POLL_S)
        return process.returncode


def _visible(device: str) -> str:
    """The one GPU the program sees, among those this process does."""
    if device == "cpu":
        return ""
    index = int(device.partition(":")[2] or 0)
    ours = [part for part in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if part]
    return ours[index] if index < len(ours) else str(index)
