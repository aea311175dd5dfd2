"""Watch on the cgroup's out-of-memory events: did the kernel kill something of ours while a block ran?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_COUNTERS = ("oom", "oom_kill")


@dataclass
class MemoryEvents:
    """Out-of-memory counters of a cgroup, compared with what they were when the watch began.

    Attributes:
        path: the file that is read; None when this system has none.
        unavailable: why there is nothing to watch; empty when there is.
    """

    path: Path | None
    unavailable: str = ""
    _before: dict[str, int] | None = None

    def start(self) -> MemoryEvents:
        """Remember the present counters."""
        self._before = self.counters()
        return self

    def counters(self) -> dict[str, int]:
        """The present counters by name; empty where there is nothing to watch."""
        return self._read()

    def happened(self) -> dict[str, int]:
        """Counters that grew since `start`, and by how much; empty when none did."""
        now, before = self._read(), self._before or {}
        grown = {name: now[name] - before.get(name, 0) for name in now}
        return {name: count for name, count in grown.items() if count > 0}

    def describe(self) -> str:
        """One line for people: what is watched, or why nothing is."""
        if self.path is None:
            return f"running out of memory would go unseen: {self.unavailable}"
        return f"running out of memory would be seen in {self.path}"

    def _read(self) -> dict[str, int]:
        if self.path is None:
            return {}
        try:
            lines = self.path.read_text("ascii", errors="replace").splitlines()
        except OSError:
            return {}
        pairs = (line.split() for line in lines)
        counters = {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}
        return {name: counters[name] for name in _COUNTERS if name in counters}


def memory_events(
    path: str | Path | None = None, proc: Path = Path("/proc"), mount: Path = Path("/sys/fs/cgroup")
) -> MemoryEvents:
    """The events of this process's cgroup, or those in a file that is named.

    Args:
        path: `memory.events` (cgroup v2) or `memory.oom_control` (v1); None finds the process's own.
        proc, mount: where the kernel shows processes and cgroups; tests put others.
    """
    if path is not None:
        named = Path(path)
        found = MemoryEvents(named)
        return found if found._read() else MemoryEvents(None, f"{named} has no oom or oom_kill counter")
    candidates = _candidates(proc / "self" / "cgroup", mount)
    for candidate in candidates:
        found = MemoryEvents(candidate)
        if found._read():
            return found
    looked = ", ".join(str(item) for item in candidates) or str(proc / "self" / "cgroup")
    return MemoryEvents(None, f"this system shows no cgroup memory events (looked at {looked})")


def _candidates(membership: Path, mount: Path) -> list[Path]:
    """Files that may hold the counters: cgroup v2 from the process's group upwards, then v1."""
    try:
        lines = membership.read_text("ascii", errors="replace").splitlines()
    except OSError:
        return []
    v2: list[Path] = []
    v1: list[Path] = []
    for line in lines:
        _, controllers, group = [*line.split(":", 2), "", ""][:3]
        inside = group.strip("/")
        if controllers == "":
            v2 += [mount / within / "memory.events" for within in (inside, ".", f"unified/{inside}")]
        elif "memory" in controllers.split(","):
            v1 += [mount / "memory" / inside / "memory.oom_control", mount / "memory" / "memory.oom_control"]
    return list(dict.fromkeys(v2 + v1))
