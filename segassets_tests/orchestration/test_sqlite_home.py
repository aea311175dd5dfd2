"""A Dagster home whose databases are kept open: readable by any Dagster, safe from kills and deletions."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.event_log import SqliteEventLogStorage

from segassets.orchestration import sqlite_home
from segassets.orchestration.sqlite_home import Events
from segassets_tests.deployment import REPOSITORY

KEY = dg.AssetKey("one")


@pytest.fixture
def home(tmp_path) -> Path:
    (tmp_path / "dagster.yaml").write_text((REPOSITORY / "configs" / "dagster.yaml").read_text())
    return tmp_path


def record(instance: dg.DagsterInstance, scene: str) -> None:
    instance.report_runless_asset_event(dg.AssetMaterialization(KEY, partition=scene))


def as_dagster_reads_it(home: Path) -> set[str]:
    """Scenes that an instance without this module finds."""
    plain = home / "plain"
    plain.mkdir(exist_ok=True)
    (plain / "dagster.yaml").write_text(f"storage: {{sqlite: {{base_dir: '{home}'}}}}\n")
    with dg.DagsterInstance.from_config(str(plain)) as instance:
        assert type(instance.event_log_storage) is SqliteEventLogStorage
        return instance.get_materialized_partitions(KEY)


def test_the_template_makes_such_a_home(home):
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert isinstance(instance.event_log_storage, Events)
        record(instance, "a.b")
        assert as_dagster_reads_it(home) == {"a.b"}  # while it is open
        with dg.DagsterInstance.from_ref(instance.get_ref()) as again:
            assert isinstance(again.event_log_storage, Events)
            assert again.get_materialized_partitions(KEY) == {"a.b"}
    assert not list(home.rglob("*-wal")), "closed, so all is folded into the files"


def test_another_storage_takes_its_place(home):
    with (home / "dagster.yaml").open("a") as config:
        config.write(f"\nstorage:\n  sqlite:\n    base_dir: {home / 'elsewhere'}\n")
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert type(instance.event_log_storage) is SqliteEventLogStorage


def test_what_is_recorded_survives_a_kill(home):
    code = (
        "import os, sys, dagster as dg\n"
        f"instance = dg.DagsterInstance.from_config({str(home)!r})\n"
        "for scene in 'abc':\n"
        "    instance.report_runless_asset_event(dg.AssetMaterialization('one', partition=scene))\n"
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY)
    assert done.returncode == -signal.SIGKILL
    assert list(home.rglob("index.db-wal")), "the log was not folded back"
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert instance.get_materialized_partitions(KEY) == set("abc")


def test_deleted_files_are_made_anew(home):
    with dg.DagsterInstance.from_config(str(home)) as instance:
        record(instance, "a")
        for file in (home / "history" / "runs").iterdir():
            file.unlink()  # as `dagster instance wipe` does to those of runs
        record(instance, "b")
        assert instance.get_materialized_partitions(KEY) == {"b"} == as_dagster_reads_it(home)


def test_few_files_stay_open(home, monkeypatch):
    monkeypatch.setattr(sqlite_home, "KEPT", 2)

    @dg.job
    def nothing(): ...

    with dg.DagsterInstance.from_config(str(home)) as instance:
        for _ in range(4):
            nothing.execute_in_process(instance=instance)
        links = [os.readlink(link) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
        assert (
            len({link for link in links if link.startswith(str(home / "history" / "runs"))}) <= 3 * 2
        )  # each with its log and index of the log
        assert len(instance.get_runs()) == 4
        assert all(instance.all_logs(run.run_id) for run in instance.get_runs())


def test_many_threads_share_it(home):
    with dg.DagsterInstance.from_config(str(home)) as instance:
        threads = [threading.Thread(target=record, args=(instance, str(at))) for at in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert instance.get_materialized_partitions(KEY) == {str(at) for at in range(12)}


def test_who_watches_a_run_hears_of_its_events(home):
    @dg.op
    def say(context) -> None:
        context.log.info("while it runs")
        assert heard.wait(20)

    @dg.job
    def talk():
        say()

    heard = threading.Event()
    run_id = "11111111-2222-3333-4444-555555555555"
    with (
        dg.DagsterInstance.from_config(str(home)) as writer,
        dg.DagsterInstance.from_config(str(home)) as reader,
    ):
        reader.event_log_storage.watch(
            run_id, None, lambda entry, cursor: entry.user_message == "while it runs" and heard.set()
        )
        assert talk.execute_in_process(instance=writer, run_id=run_id).success
