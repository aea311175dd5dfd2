"""One GPU need in the words of every engine, and the lock that keeps processes apart."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time

import pytest

from segassets.errors import BadConfig, Busy
from segassets.orchestration.gpu import GpuNeed, gpu_slot, visible_gpus


def test_the_need_in_the_words_of_each_engine():
    tags = GpuNeed(gpus=2, cpus=8, memory_gb=32, hours=6).op_tags()
    assert json.loads(json.dumps(tags)) == tags
    resources = tags["dagster-k8s/config"]["container_config"]["resources"]
    assert resources["limits"] == {"cpu": "8", "memory": "32Gi", "nvidia.com/gpu": "2"}
    assert tags["dagster-k8s/config"]["job_spec_config"] == {"active_deadline_seconds": 21600}
    assert tags["segassets/slurm"] == {
        "gres": "gpu:2",
        "cpus-per-task": "8",
        "mem": "32G",
        "time": "06:00:00",
    }
    assert tags["dagster-ray/config"] == {"num_gpus": 2, "num_cpus": 8, "memory": 32 * 1024**3}
    assert tags["dagster-celery/queue"] == "gpu"


@pytest.mark.parametrize(
    ("device", "visible", "expected"),
    [
        ("cpu", [], "cpu"),
        ("cpu", ["0"], "cpu"),
        ("auto", [], "cpu"),
        ("auto", ["0"], "cuda:0"),
        ("cuda", ["3", "5"], "cuda:0"),
        ("cuda:1", ["3", "5"], "cuda:1"),
    ],
)
def test_the_device_that_is_given(tmp_path, device, visible, expected):
    with gpu_slot(device, visible=visible, lock_dir=tmp_path, wait_s=0) as given:
        assert given == expected


@pytest.mark.parametrize("device", ["cuda", "cuda:0", "cuda:7"])
def test_a_device_that_is_not_there_is_refused(tmp_path, device):
    visible = ["0"] if device == "cuda:7" else []
    with pytest.raises(BadConfig, match=device):
        with gpu_slot(device, visible=visible, lock_dir=tmp_path, wait_s=0):
            pass


def test_a_second_holder_gets_the_other_gpu_and_a_third_none(tmp_path):
    with gpu_slot("auto", visible=["0", "1"], lock_dir=tmp_path, wait_s=0) as first:
        with gpu_slot("cuda", visible=["0", "1"], lock_dir=tmp_path, wait_s=0) as second:
            assert {first, second} == {"cuda:0", "cuda:1"}
            with pytest.raises(Busy, match="no free GPU"):
                with gpu_slot("auto", visible=["0", "1"], lock_dir=tmp_path, wait_s=0):
                    pass
    with gpu_slot("cuda:1", visible=["0", "1"], lock_dir=tmp_path, wait_s=0) as again:
        assert again == "cuda:1"


def test_locks_are_of_the_physical_gpu(tmp_path):
    """Two processes that each see one GPU as cuda:0 do not wait for each other."""
    with gpu_slot("cuda:0", visible=["2"], lock_dir=tmp_path, wait_s=0):
        with gpu_slot("cuda:0", visible=["3"], lock_dir=tmp_path, wait_s=0) as device:
            assert device == "cuda:0"


def _hold(folder, ready) -> None:
    with gpu_slot("cuda:0", visible=["0"], lock_dir=folder, wait_s=0):
        ready.set()
        time.sleep(60)


def test_a_killed_holder_frees_its_gpu(tmp_path):
    context = multiprocessing.get_context("fork")
    ready = context.Event()
    holder = context.Process(target=_hold, args=(tmp_path, ready))
    holder.start()
    assert ready.wait(30)
    with pytest.raises(Busy):
        with gpu_slot("cuda:0", visible=["0"], lock_dir=tmp_path, wait_s=0):
            pass
    os.kill(holder.pid, signal.SIGKILL)
    holder.join()
    with gpu_slot("cuda:0", visible=["0"], lock_dir=tmp_path, wait_s=0) as device:
        assert device == "cuda:0"


@pytest.mark.parametrize(("value", "names"), [("", []), ("-1", []), ("1", ["1"]), ("2,0", ["2", "0"])])
def test_visible_gpus_follow_the_environment(monkeypatch, value, names):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    assert visible_gpus() == names
