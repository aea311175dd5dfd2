"""Runs whose process is gone, which Dagster keeps as started, and their pool slots as taken.

A run started by `segassets run` carries host and process in its tags. For other runs the process is taken
from their events, and only where the instance's storage is a file on this machine, so that the process can
only be here.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass

import dagster as dg
import psutil
from dagster import DagsterEventType, DagsterInstance, DagsterRun, DagsterRunStatus, RunsFilter

HOST_TAG = "segassets/host"
PROCESS_TAG = "segassets/process"
_ALIVE = [DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]
_TOLERANCE_S = 2.0  # clocks of the run record and of the process table


@dataclass(frozen=True)
class DeadRun:
    """A run that Dagster believes to go on, though its process has ended."""

    run: DagsterRun
    pid: int

    @property
    def text(self) -> str:
        """How people are told about it."""
        return f"run {self.run.run_id[:8]} ({self.run.job_name}) of process {self.pid}"


def owner_tags() -> dict[str, str]:
    """Tags by which a run of this process can be recognised as dead later."""
    started = psutil.Process().create_time()
    return {HOST_TAG: socket.gethostname(), PROCESS_TAG: f"{os.getpid()}@{started:.0f}"}


def find_dead_runs(instance: DagsterInstance) -> list[DeadRun]:
    """Runs in progress by the record whose process no longer exists."""
    found = []
    for record in instance.get_run_records(RunsFilter(statuses=_ALIVE)):
        started = record.start_time or record.create_timestamp.timestamp()
        pid, created = _process_of(instance, record.dagster_run)
        if pid is not None and not _is_alive(pid, created, started):
            found.append(DeadRun(record.dagster_run, pid))
    return found


def bury(instance: DagsterInstance, dead: DeadRun) -> None:
    """Record the run as failed and free the pool slots it holds."""
    instance.report_run_failed(dead.run, f"Process {dead.pid} of this run has ended without a word.")
    instance.event_log_storage.free_concurrency_slots_for_run(dead.run.run_id)


def runs_holding_slots_in_vain(instance: DagsterInstance) -> list[str]:
    """Ids of finished (or deleted) runs that still hold or wait for pool slots."""
    held = instance.event_log_storage.get_concurrency_run_ids()
    runs = {run.run_id: run for run in instance.get_runs(RunsFilter(run_ids=list(held)))} if held else {}
    return sorted(run_id for run_id in held if run_id not in runs or runs[run_id].is_finished)


def free_slots(instance: DagsterInstance, run_id: str) -> None:
    """Free the pool slots of a run."""
    instance.event_log_storage.free_concurrency_slots_for_run(run_id)


def clean_up(instance: DagsterInstance) -> list[str]:
    """Bury dead runs and free slots of finished ones; says what was done, a line each."""
    done = []
    for dead in find_dead_runs(instance):
        bury(instance, dead)
        done.append(f"{dead.text}: recorded as failed, its slots are free")
    for run_id in runs_holding_slots_in_vain(instance):
        free_slots(instance, run_id)
        done.append(f"run {run_id[:8]} has ended: its slots are free")
    return done


def _process_of(instance: DagsterInstance, run: DagsterRun) -> tuple[int | None, float | None]:
    """(pid, its start time when known) of the run's main process; (None, None) when it may be elsewhere."""
    owner = run.tags.get(PROCESS_TAG)
    if owner is not None:
        if run.tags.get(HOST_TAG) != socket.gethostname():
            return None, None
        pid, _, created = owner.partition("@")
        return int(pid), float(created)
    if not _storage_is_local(instance):
        return None, None
    return _pid_in_events(instance, run.run_id), None


def _pid_in_events(instance: DagsterInstance, run_id: str) -> int | None:
    for entry in instance.all_logs(run_id, of_type=DagsterEventType.ENGINE_EVENT):
        metadata = entry.get_dagster_event().engine_event_data.metadata
        pid = metadata.get("pid")
        if isinstance(pid, (dg.TextMetadataValue, dg.IntMetadataValue)) and str(pid.value).isdigit():
            return int(str(pid.value))
    return None


def _storage_is_local(instance: DagsterInstance) -> bool:
    return "sqlite" in type(instance.run_storage).__name__.lower()


def _is_alive(pid: int, created: float | None, run_started: float) -> bool:
    """Whether that very process still runs (a later process may have been given its number)."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        if created is not None:
            return abs(process.create_time() - created) <= _TOLERANCE_S
        return process.create_time() <= run_started + _TOLERANCE_S
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True
