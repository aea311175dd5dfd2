"""Peak memory of this process, its children and its GPUs while a block runs."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

MIB = 1024 * 1024


@dataclass
class Resources:
    """What was seen while the monitor ran.

    Attributes:
        cpu_peak_bytes: largest resident memory of this process and its children together.
        gpu_peak_bytes: device index -> largest memory these processes held; empty without NVIDIA devices.
        samples: how often was looked.
        poll_s: seconds between two looks.
        duration_s: seconds the block took.
    """

    cpu_peak_bytes: int = 0
    gpu_peak_bytes: dict[int, int] = field(default_factory=dict)
    samples: int = 0
    poll_s: float = 0.5
    duration_s: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """The record stored in run summaries."""
        peak = self.cpu_peak_bytes
        return {
            "cpu": {"peak_rss_bytes": peak, "peak_rss_mib": round(peak / MIB, 1)},
            "gpu": {str(index): {"peak_bytes": peak} for index, peak in sorted(self.gpu_peak_bytes.items())},
            "samples": self.samples,
            "poll_interval_s": self.poll_s,
            "duration_s": round(self.duration_s, 3),
        }


class ResourceMonitor:
    """Context manager that looks at memory every `poll_s` seconds, and at its start and end.

    Example:
        with ResourceMonitor() as resources:
            work()
        resources.cpu_peak_bytes
    """

    def __init__(self, poll_s: float = 0.5) -> None:
        self._resources = Resources(poll_s=poll_s)
        self._process = psutil.Process()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="resource-monitor", daemon=True)
        self._gpus: list[Any] = []
        self._started = 0.0

    def __enter__(self) -> Resources:
        self._gpus = _gpu_handles()
        self._started = time.monotonic()
        self._look(with_children=False)
        self._thread.start()
        return self._resources

    def __exit__(self, *exc_info: object) -> None:
        self._stop.set()
        self._thread.join()
        self._look()
        self._resources.duration_s = time.monotonic() - self._started
        if self._gpus:
            import pynvml

            pynvml.nvmlShutdown()

    def _watch(self) -> None:
        while not self._stop.wait(self._resources.poll_s):
            self._look()

    def _look(self, with_children: bool = True) -> None:
        pids, rss = _family_memory(self._process, with_children)
        seen = self._resources
        seen.cpu_peak_bytes = max(seen.cpu_peak_bytes, rss)
        for index, handle in enumerate(self._gpus):
            used = _gpu_bytes(handle, pids)
            seen.gpu_peak_bytes[index] = max(seen.gpu_peak_bytes.get(index, 0), used)
        seen.samples += 1


def _family_memory(process: psutil.Process, with_children: bool) -> tuple[set[int], int]:
    """Process ids of a process and its descendants, and their resident bytes together."""
    pids, total = set(), 0
    try:
        family = [process, *(_descendants(process) if with_children else ())]
    except psutil.Error:
        family = [process]
    for member in family:
        try:
            total += member.memory_info().rss
            pids.add(member.pid)
        except psutil.Error:  # it ended while we looked
            continue
    return pids, total


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    """Children, their children and so on; from the kernel's own lists where it keeps them."""
    if not Path(f"/proc/{process.pid}/task/{process.pid}/children").exists():
        return process.children(recursive=True)
    found: list[int] = []
    waiting = [process.pid]
    while waiting:
        for listing in Path(f"/proc/{waiting.pop()}/task").glob("*/children"):
            try:
                children = [int(pid) for pid in listing.read_text().split()]
            except OSError:  # that thread ended while we looked
                continue
            found += children
            waiting += children
    alive = []
    for pid in found:
        try:
            alive.append(psutil.Process(pid))
        except psutil.Error:
            continue
    return alive


def _gpu_handles() -> list[Any]:
    """NVML handles of every device; none without the driver."""
    try:
        import pynvml

        pynvml.nvmlInit()
        return [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
    except Exception:  # NVML raises its own kinds for each way a driver can be absent
        return []


def _gpu_bytes(handle: Any, pids: set[int]) -> int:
    """Bytes the processes hold on a device; the device's total where containers hide processes."""
    import pynvml

    try:
        processes = pynvml.nvmlDeviceGetComputeRunningProcesses(handle)
        own = [item.usedGpuMemory for item in processes if item.pid in pids and item.usedGpuMemory]
        return sum(own) if own or not processes else int(pynvml.nvmlDeviceGetMemoryInfo(handle).used)
    except pynvml.NVMLError:
        return 0
