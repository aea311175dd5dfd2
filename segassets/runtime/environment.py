"""Snapshot of where a run happened: Python, packages, processor, memory, GPUs, commit."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

_PACKAGES = (
    *("segassets", "dagster", "dagster-webserver", "torch", "torchvision", "sam2", "hydra-core", "omegaconf"),
    *("numpy", "scipy", "pandas", "pyarrow", "pycocotools", "pillow", "av", "fsspec", "safetensors"),
)


def environment_snapshot() -> dict[str, Any]:
    """Facts that explain a result later; nothing is imported for it and nothing secret is in it."""
    return {
        "python": sys.version.split()[0],
        "executable": sys.executable,
        "platform": platform.platform(),
        "hostname": platform.node(),
        "packages": package_versions(),
        "cpu": {"logical": os.cpu_count(), "usable": usable_cpus(), "model": _cpu_model()},
        "memory_bytes": psutil.virtual_memory().total,
        "gpus": gpus(),
        "torch": _torch_facts(),
        "git": git_state(Path(__file__).parent),
    }


def package_versions() -> dict[str, str]:
    """Installed versions of the packages that matter, from their metadata."""
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def usable_cpus() -> int:
    """Processors this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def gpus() -> list[dict[str, Any]]:
    """NVIDIA devices: index, name, memory in bytes, driver; empty without a driver."""
    try:
        import pynvml

        pynvml.nvmlInit()
    except Exception:  # the library has its own error for each way a driver can be absent
        return []
    try:
        driver = _text(pynvml.nvmlSystemGetDriverVersion())
        handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
        return [
            {
                "index": index,
                "name": _text(pynvml.nvmlDeviceGetName(handle)),
                "memory_bytes": int(pynvml.nvmlDeviceGetMemoryInfo(handle).total),
                "driver": driver,
            }
            for index, handle in enumerate(handles)
        ]
    except pynvml.NVMLError:
        return []
    finally:
        pynvml.nvmlShutdown()


def git_state(folder: Path) -> dict[str, Any]:
    """Commit of the checkout that `folder` is in and whether it has changes; empty outside a checkout."""
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return {}
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
    branch = _git(folder, "rev-parse", "--abbrev-ref", "HEAD")
    return {"commit": commit, "branch": branch, "modified": bool(changes)}


def _git(folder: Path, *args: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(folder), *args], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _torch_facts() -> dict[str, Any]:
    """CUDA as torch sees it, when torch is loaded already."""
    torch = sys.modules.get("torch")
    if torch is None or not hasattr(torch, "cuda") or not hasattr(torch, "get_num_threads"):
        return {"loaded": False}  # or another thread is about to load it
    return {
        "loaded": True,
        "cuda_built": torch.version.cuda,
        "cuda_available": torch.cuda.is_available(),
        "devices": [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())],
        "threads": torch.get_num_threads(),
    }


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor()
    named = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.machine()


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
