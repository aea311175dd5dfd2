"""A cheap asset over a thousand scenes: from the launch of the backfill to its last materialization."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.measure import Figure

SCENES = 1000
LAUNCH = """
mutation($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}
"""


@contextmanager
def servers(environment: dict[str, str], logs: Path) -> Iterator[str]:
    """A webserver and a daemon on the environment's Dagster home; yields the GraphQL address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    tools = Path(sys.executable).parent
    commands = [
        [tools / "dagster-webserver", "-m", "segassets.definitions", "-h", "127.0.0.1", "-p", str(port)],
        [tools / "dagster-daemon", "run", "-m", "segassets.definitions"],
    ]
    processes = []
    try:
        for command in commands:
            log = open(logs / f"{command[0].name}.log", "w")  # noqa: SIM115 (closed with the process)
            processes.append(
                subprocess.Popen([str(part) for part in command], env=environment, stdout=log, stderr=log)
            )
        _wait(f"http://127.0.0.1:{port}/server_info")
        yield f"http://127.0.0.1:{port}/graphql"
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(30)


def _wait(url: str, limit_s: float = 90) -> None:
    end = time.monotonic() + limit_s
    while True:
        try:
            urllib.request.urlopen(url, timeout=2).close()
            return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.3)


def ask(url: str, query: str, **variables: Any) -> dict[str, Any]:
    """The data of a GraphQL answer."""
    body = json.dumps({"query": query, "variables": variables}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        found = json.load(answer)
    if "errors" in found:
        raise RuntimeError(str(found["errors"])[:500])
    return found["data"]


def backfill_1000() -> Figure:
    """`frames` of 1,000 scenes, launched through the webserver, run by the daemon in batches."""
    from benchmarks.graph import environment, pictures

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        pictures(root, SCENES)
        env = environment(root)
        sync = [str(Path(sys.executable).parent / "segassets"), "scenes", "sync"]
        subprocess.run(sync, env=env, check=True, capture_output=True)
        with servers(env, root) as url:
            time.sleep(5)  # the daemon's first heartbeat
            keys = [f"many.scene_{index:04d}" for index in range(SCENES)]
            began = time.perf_counter()
            params = {"assetSelection": [{"path": ["frames"]}], "partitionNames": keys, "title": "benchmark"}
            launched = ask(url, LAUNCH, params=params)["launchPartitionBackfill"]
            if launched["__typename"] != "LaunchBackfillSuccess":
                raise RuntimeError(str(launched))
            spent = _until_all_done(env, began)
    return Figure("backfill_1000", spent, "s", 60, at_most=True)


def _until_all_done(env: dict[str, str], began: float, limit_s: float = 300) -> float:
    """Seconds until every scene has its materialization."""
    import dagster as dg

    with dg.DagsterInstance.from_config(env["DAGSTER_HOME"]) as instance:
        while time.perf_counter() - began < limit_s:
            if len(instance.get_materialized_partitions(dg.AssetKey("frames"))) == SCENES:
                return time.perf_counter() - began
            time.sleep(0.5)
    raise RuntimeError(f"the backfill was not done after {limit_s} s")
