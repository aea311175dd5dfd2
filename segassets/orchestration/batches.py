"""The loop over the scenes of a run: each made under its lock, checked, published and recorded before the next.

A run may hold one scene or a thousand. What is done stays done: every scene gets its materialization event when it is
published, so neither a later failure nor a kill takes it back. Scenes that fail are named at the end, all of them.
"""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import cache, cached_property, partial
from typing import TYPE_CHECKING, Any

import dagster as dg

from segassets.errors import OutOfSpace, SegassetsError
from segassets.orchestration.checks import Verdict, VerdictLog, refuse_failed, run_checks
from segassets.orchestration.events import ALREADY_RECORDED, latest_events, materialization
from segassets.orchestration.metadata import materialization_metadata, without_secrets
from segassets.orchestration.tags import asset_key
from segassets.orchestration.work import Made, check_footage

if TYPE_CHECKING:
    from segassets.datasets.scene import Scene
    from segassets.orchestration.model_choice import LoadedNetwork
    from segassets.orchestration.scene_assets import SceneAsset
    from segassets.storage.provenance import Provenance
    from segassets.storage.store import Artifact, ArtifactStore

RUN_FILE = "run.json"
_SHOWN = 20


@dataclass
class Batch:
    """One step's scenes."""

    context: dg.AssetExecutionContext
    asset: SceneAsset
    tag: str
    op_config: Any
    device: str = "cpu"
    failures: dict[str, str] = field(default_factory=dict)
    defect: Exception | None = None

    @property
    def store(self) -> ArtifactStore:
        """The store of the tag."""
        return self.context.resources.store.of(self.tag)

    @cached_property
    def input_keys(self) -> dict[str, dg.AssetKey]:
        """Keys of the upstream assets, by name."""
        return {name: asset_key(self.tag, name) for name in self.asset.inputs}

    @cached_property
    def verdicts(self) -> VerdictLog:
        """Where verdicts of the blocking checks go."""
        return VerdictLog(self.context.op_execution_context, self.context.asset_key, blocking=True)

    @cached_property
    def upstream(self) -> Mapping[str, Mapping[str, int]]:
        """Latest events of the upstream assets, by scene."""
        return latest_events(self.context.instance, self.input_keys, self.context.partition_keys)

    def run(self) -> Iterator[dg.MaterializeResult | dg.Output]:
        """Make every scene, then close the step or name what failed."""
        keys = list(self.context.partition_keys)
        with ExitStack() as stack:
            if self.asset.chooses_model:
                self.device = stack.enter_context(self.context.resources.gpu.slot(self._wanted_device()))
            for at, key in enumerate(keys):
                if not self._make_recorded(key):
                    self.failures.update(dict.fromkeys(keys[at + 1 :], "not begun"))
                    break
        self.verdicts.flush()
        if self.failures:
            raise self._failure(len(keys)) from self.defect  # a message on purpose needs no stack
        yield dg.MaterializeResult(metadata=ALREADY_RECORDED)
        for check in self.asset.checks:
            name = check.spec(self.context.asset_key).get_python_identifier()
            yield dg.Output(None, output_name=name)

    def _make_recorded(self, key: str) -> bool:
        """Make one scene; a failure is noted and logged. False when going on is pointless."""
        try:
            self._make(key)
        except OutOfSpace as error:
            self._note(key, str(error))
            return False
        except SegassetsError as error:
            self._note(key, str(error))
        except Exception as error:  # a defect in one scene must not take the others with it
            self._note(key, f"{type(error).__name__}: {error}")
            self.context.log.error(f"{key}: {traceback.format_exc()}")
            self.defect = self.defect or error
        return True

    def _note(self, key: str, message: str) -> None:
        self.failures[key] = message
        self.context.log.error(f"{self.asset.name} of {self.asset.kind} {key} failed: {message}")

    def _make(self, key: str) -> None:
        from segassets.runtime.monitor import ResourceMonitor

        name, store = self.asset.name, self.store
        config = self.asset.settled(key, self.op_config)
        with store.lock(name, key, self.context.resources.store.wait_s):
            began, started = time.perf_counter(), datetime.now(timezone.utc).isoformat(timespec="seconds")
            reads = self.asset.reads_there(config, lambda upstream: store.has(upstream, key))
            inputs = {upstream: store.open(upstream, key) for upstream in reads}
            open_scene = cache(partial(self._open_scene, key, inputs, config))
            provenance = self._origin(key, inputs, config, open_scene)
            with ExitStack() as stack:
                resources = stack.enter_context(ResourceMonitor())
                out = stack.enter_context(store.create(provenance))
                work = self.asset.work(
                    open_scene,
                    self._load_network,
                    asset=name,
                    key=key,
                    store=store,
                    out=out,
                    inputs=inputs,
                    provenance=provenance,
                    log=self.context.log,
                    gpu_slot=self.context.resources.gpu.slot,
                    device=self.device,
                )
                stack.callback(work.close)
                made = self.asset.make(work, config)
                verdicts = run_checks(self.asset.checks, work)
                if not all(verdict.passed for verdict in verdicts):
                    self.verdicts.add(key, verdicts)
                refuse_failed(verdicts, f"{name} of {self.asset.kind} {key}")
                run = _run_record(time.perf_counter() - began, started, resources)
                (out / RUN_FILE).write_text(json.dumps(run, indent=1), "utf-8")
            store.clear_work(name, key)
            self._record(key, made, verdicts, provenance, run)

    def _open_scene(self, key: str, inputs: Mapping[str, Artifact], config: Any) -> Scene:
        """The scene as it is now, with the frame selection of its frames artifact."""
        frames = inputs.get("frames")
        selection = frames.provenance.config.get("frames") if frames else getattr(config, "frames", None)
        scene = self.context.resources.footage.open(key, selection)
        if frames is not None:
            check_footage(scene, frames)
        return scene

    def _origin(
        self, key: str, inputs: Mapping[str, Artifact], config: Any, open_scene: Callable[[], Scene]
    ) -> Provenance:
        """The record of what the artifact will be made from."""
        from segassets.storage.provenance import Provenance

        versions = {upstream: artifact.version for upstream, artifact in inputs.items()}
        return Provenance(
            asset=self.asset.name,
            scene=key,
            tag=self.tag,
            code_version=self.asset.code_version,
            inputs=versions | self.asset.sources(config, self.store, open_scene),
            config=without_secrets(self.asset.record(config)),
            model=self.asset.model_identity(self.op_config, config, self.store, open_scene),
        )

    def _record(
        self, key: str, made: Made, verdicts: list[Verdict], provenance: Provenance, run: Mapping[str, Any]
    ) -> None:
        """The scene's events, at once, so that they survive a kill."""
        name = self.asset.name
        metadata = materialization_metadata(
            made,
            provenance,
            location=self.store.location(name, key),
            stored_bytes=self.store.bytes_stored(name, key),
            run=run,
        )
        event = materialization(self.context.asset_key, provenance, metadata, self.input_keys, self.upstream)
        self.context.log_event(event)
        self.verdicts.add(key, verdicts)

    def _failure(self, total: int) -> dg.Failure:
        lines = [f"{key}: {message}" for key, message in self.failures.items()]
        more = f"\n... and {len(lines) - _SHOWN} more" if len(lines) > _SHOWN else ""
        done = total - len(lines)
        kept = f"; the other {done} are done and stay" if done else ""
        return dg.Failure(
            f"{self.asset.name}: {len(lines)} of {total} {self.asset.kind}s failed{kept}\n"
            + "\n".join(lines[:_SHOWN])
            + more,
            metadata={"failed_scenes": dg.MetadataValue.json(self.failures), "num_failed": len(lines)},
            allow_retries=False,
        )

    def _load_network(self) -> LoadedNetwork:
        return self.asset.load_network(self.op_config, self.device, self.store)

    def _wanted_device(self) -> str:
        return self.asset.wanted_device(self.op_config, self.store)


def _run_record(seconds: float, started: str, resources: Any) -> dict[str, Any]:
    """What `run.json` beside the artifact tells: duration and memory peaks of its making."""
    gpu = resources.gpu_peak_bytes
    return {
        "started_at": started,
        "seconds": round(seconds, 3),
        "peak_cpu_bytes": resources.cpu_peak_bytes,
        "peak_gpu_bytes": max(gpu.values()) if gpu else None,
    }
