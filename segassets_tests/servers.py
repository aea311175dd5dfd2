"""Dagster's web server and daemon on a test's deployment."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dagster import DagsterInstance

from segassets_tests.deployment import REPOSITORY, Deployment


@contextmanager
def servers(deployment: Deployment, environ: Mapping[str, str] | None = None) -> Iterator[str]:
    """Both, until the block ends; yields the address of the UI. Their logs lie in the deployment's folder."""
    with DagsterInstance.from_config(str(deployment.home)):
        pass  # its databases are made here, by one process; several at a time trip over each other
    port = _free_port()
    environ = {**deployment.environ, **(environ or {})}
    processes = [
        _start(deployment, environ, "dagster-webserver", "-h", "127.0.0.1", "-p", str(port)),
        _start(deployment, environ, "dagster-daemon", "run"),
    ]
    try:
        address = f"http://127.0.0.1:{port}"
        wait_for(
            lambda: urllib.request.urlopen(f"{address}/server_info", timeout=1),
            120,
            "the web server",
            OSError,
        )
        yield address
    finally:
        for process in processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
        for process in processes:
            process.wait(30)


def ask(address: str, query: str, **variables: Any) -> dict[str, Any]:
    """The data of a GraphQL answer."""
    body = json.dumps({"query": query, "variables": variables}).encode()
    request = urllib.request.Request(f"{address}/graphql", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        found = json.load(answer)
    assert "errors" not in found, found["errors"]
    return found["data"]


def wait_for(condition: Callable[[], Any], seconds: float, what: str, *passing: type[Exception]) -> Any:
    """What `condition` answers when that is true at last; errors of the kinds `passing` count as not yet."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            found = condition()
        except passing:
            found = None
        if found:
            return found
        time.sleep(0.5)
    raise AssertionError(f"{what} did not come within {seconds:.0f} s")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def _start(
    deployment: Deployment, environ: Mapping[str, str], name: str, *arguments: str
) -> subprocess.Popen:
    command = [str(Path(sys.executable).parent / name), *arguments, "-m", "segassets.definitions"]
    with (deployment.folder / f"{name}.log").open("w") as log:
        return subprocess.Popen(
            command, cwd=REPOSITORY, env=dict(environ), stdout=log, stderr=log, start_new_session=True
        )
