"""Dagster's records in SQLite files with their databases kept open.

Dagster opens and closes its database for every event, which compiles every statement anew and makes SQLite fold its
write-ahead log back into the file: most of what a small scene costs. Here a process opens each database once.
`configs/dagster.yaml` names `Home` as the class of the instance; homes without that line work as ever, more slowly.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy
import yaml
from dagster import DagsterInstance
from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClassData

if TYPE_CHECKING:
    from dagster import EventLogEntry
    from sqlalchemy.engine import Connection, Engine

KEPT = 8  # databases: the index of all runs, and a file for each of the latest runs


class Home(DagsterInstance):
    """A Dagster instance whose SQLite records, where it keeps any, are those of this module."""

    @staticmethod
    def config_schema() -> Mapping[str, Any]:
        """No settings of its own."""
        return {}

    @staticmethod
    def config_defaults(base_dir: str) -> Mapping[str, ConfigurableClassData | None]:
        """Dagster's defaults, with `Records` where `dagster.yaml` names no `storage`."""
        records = ConfigurableClassData(__name__, Records.__name__, yaml.safe_dump({"base_dir": base_dir}))
        return {**InstanceRef.config_defaults(base_dir), "storage": records}


class Records(DagsterSqliteStorage):
    """Dagster's SQLite storage with `Events` for its event log."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(base_dir, inst_data)
        self._event_log_storage = Events(str(Path(base_dir, "history", "runs")))

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData, config_value: Any) -> Records:
        """Called by Dagster with the configuration of `Home.config_defaults`."""
        return cls.from_local(inst_data=inst_data, **config_value)


class Events(SqliteEventLogStorage):
    """Dagster's SQLite event log with a connection kept for each of the latest databases.

    Events survive the death of the process at once; a power failure may take the latest of them, never the database
    (the artifacts are in the store all the same, and `segassets run` records what it finds there).
    """

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: OrderedDict[tuple[int, str], tuple[Engine, tuple[int, int] | None]] = OrderedDict()
        self._tables: set[str] = set()
        self._columns: set[str] = set()
        super().__init__(base_dir, inst_data)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock, self._engine(shard).connect() as connection:
            with connection.begin():
                yield connection

    def store_event(self, event: EventLogEntry) -> None:
        """Store an event; who watches the file of its run, as the UI does, looks again."""
        super().store_event(event)
        os.utime(self.path_for_shard(event.run_id))

    def _engine(self, shard: str) -> Engine:
        """The engine of a database; a new one after a fork, or when its file was deleted or replaced."""
        path, key = self.path_for_shard(shard), (os.getpid(), shard)
        engine, known = self._engines.get(key, (None, None))
        if engine is not None:
            if known == _identity(path):
                self._engines.move_to_end(key)
                return engine
            engine.dispose()
            self._initialized_dbs.discard(shard)
        url = self.conn_string_for_shard(shard)
        if shard not in self._initialized_dbs:
            self._initdb(sqlalchemy.create_engine(url, poolclass=sqlalchemy.pool.NullPool))
            self._initialized_dbs.add(shard)
        engine = _open(url)
        self._engines[key] = (engine, _identity(path))
        while len(self._engines) > KEPT:
            self._engines.popitem(last=False)[1][0].dispose()
        return engine

    def has_table(self, table_name: str) -> bool:
        """Whether the index has a table; what was there once is not asked for again."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def _has_asset_key_col_on_connection(self, conn: Connection, column_name: str) -> bool:
        if column_name not in self._columns and super()._has_asset_key_col_on_connection(conn, column_name):
            self._columns.add(column_name)
        return column_name in self._columns

    def dispose(self) -> None:
        """Close everything."""
        super().dispose()
        with self._db_lock:
            for engine, _ in self._engines.values():
                engine.dispose()
            self._engines.clear()


def _open(url: str) -> Engine:
    """An engine with one connection, which the lock of the event log hands from thread to thread."""
    engine = sqlalchemy.create_engine(
        url,
        poolclass=sqlalchemy.pool.QueuePool,
        pool_size=1,
        max_overflow=0,
        connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
    )
    sqlalchemy.event.listen(engine, "connect", _survive_kills)
    return engine


def _survive_kills(connection: Any, _record: Any) -> None:
    """With a write-ahead log, what is committed survives the process without being flushed to the disk each time."""
    connection.execute("PRAGMA synchronous=NORMAL")


def _identity(path: str) -> tuple[int, int] | None:
    """Device and number of the file, None without one."""
    try:
        found = Path(path).stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
