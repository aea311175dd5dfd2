"""What an asset needs of a GPU, said once: op tags for every engine, a pool that schedules, a lock that excludes."""

from __future__ import annotations

import errno
import fcntl
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segassets.errors import BadConfig, Busy

POOL = "gpu"  # `dagster instance concurrency set gpu 1`; the default limit is in configs/dagster.yaml


@dataclass(frozen=True)
class GpuNeed:
    """Resources one step asks its engine for.

    Attributes:
        memory_gb: main memory, not the GPU's.
        hours: longest run time.
    """

    gpus: int = 1
    cpus: int = 4
    memory_gb: int = 16
    hours: int = 12

    def op_tags(self) -> dict[str, Any]:
        """The same need in the words of Kubernetes, Slurm, Ray and Celery."""
        amounts = {"cpu": str(self.cpus), "memory": f"{self.memory_gb}Gi"}
        limits = {**amounts, "nvidia.com/gpu": str(self.gpus)}
        return {
            "dagster-k8s/config": {
                "container_config": {"resources": {"requests": amounts, "limits": limits}},
                "job_spec_config": {"active_deadline_seconds": self.hours * 3600},
            },
            "segassets/slurm": {
                "gres": f"gpu:{self.gpus}",
                "cpus-per-task": str(self.cpus),
                "mem": f"{self.memory_gb}G",
                "time": f"{self.hours:02d}:00:00",
            },
            "dagster-ray/config": {
                "num_gpus": self.gpus,
                "num_cpus": self.cpus,
                "memory": self.memory_gb * 1024**3,
            },
            "dagster-celery/queue": "gpu",
        }


def default_lock_dir() -> Path:
    """One folder per machine: every process that shares its GPUs must find the same locks."""
    return Path(tempfile.gettempdir()) / "segassets-gpu"


@contextmanager
def gpu_slot(
    device: str, *, visible: Sequence[str] | None = None, lock_dir: Path | None = None, wait_s: float = 3600.0
) -> Iterator[str]:
    """Exclusive use of one GPU while the block runs; yields the device to use.

    The lock is a file lock, so the kernel frees it when its holder dies. Work on the CPU takes no lock.

    Args:
        device: `cpu`, `cuda` or `auto` (the first GPU that is free), or `cuda:<i>`.
        visible: physical names of the GPUs this process sees, in its order; asked from the driver when None.
        wait_s: seconds to wait for a GPU.

    Raises:
        BadConfig: the device is not there.
        Busy: no GPU became free in time.
    """
    if device == "cpu":
        yield device
        return
    names = visible_gpus() if visible is None else list(visible)
    if device == "auto" and not names:
        yield "cpu"
        return
    with ExitStack() as stack:
        yield f"cuda:{_acquire(_wanted(device, names), names, lock_dir or default_lock_dir(), wait_s, stack)}"


def visible_gpus() -> list[str]:
    """Physical names of the GPUs torch would number 0, 1, ..., in that order; empty without a driver."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return [part.strip() for part in chosen.split(",") if part.strip() and part.strip() != "-1"]
    try:
        import pynvml

        pynvml.nvmlInit()
    except Exception:  # NVML has its own error for each way a driver can be absent
        return []
    try:
        return [str(index) for index in range(pynvml.nvmlDeviceGetCount())]
    finally:
        pynvml.nvmlShutdown()


def _wanted(device: str, names: Sequence[str]) -> list[int]:
    """Indices of the GPUs that will do."""
    if not names:
        raise BadConfig(f"device {device!r}: this machine has no visible GPU; use device: cpu or auto")
    if device in ("auto", "cuda"):
        return list(range(len(names)))
    index = device.removeprefix("cuda:")
    if not index.isdigit() or int(index) >= len(names):
        raise BadConfig(f"device {device!r}: expected cuda:0 to cuda:{len(names) - 1}, cuda, auto or cpu")
    return [int(index)]


def _acquire(
    wanted: Sequence[int], names: Sequence[str], folder: Path, wait_s: float, stack: ExitStack
) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + wait_s
    while True:
        for index in wanted:
            if _try_lock(folder / f"gpu-{names[index].replace('/', '_')}.lock", stack):
                return index
        if time.monotonic() >= deadline:
            raise Busy(
                f"no free GPU after {wait_s:.0f} s: {', '.join(f'cuda:{index}' for index in wanted)} held by other "
                f"processes (locks in {folder}); wait for them, or choose another device"
            )
        time.sleep(0.2)


def _try_lock(path: Path, stack: ExitStack) -> bool:
    """Lock the file until the stack unwinds; False while another process holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            return False
        raise
    stack.callback(os.close, descriptor)
    return True
