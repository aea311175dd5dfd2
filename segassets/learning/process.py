"""`python -m segassets.learning.process JSON`: one process of a training with several devices; see launch.py."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

from segassets.errors import SegassetsError
from segassets.learning.experiment import Experiment
from segassets.models.registry import load_spec
from segassets.storage.store import ArtifactStore
from segassets.strict import parse


def main(text: str) -> int:
    """Train, report on standard output: {"progress": [done, all, note]} or {"error": kind, "message": text}."""
    arguments = json.loads(text)
    folder = Path(arguments["folder"])
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        from segassets.learning.run_training import run_training

        experiment = parse(Experiment, arguments["experiment"], "experiment")
        root, tag = arguments["store_root"], arguments["tag"]
        spec = load_spec(experiment.model, ArtifactStore(root, tag) if root else None)
        run_training(
            experiment, spec, folder, store_root=root, tag=tag, progress=_report, resume=arguments["resume"]
        )
    except SegassetsError as error:
        _say({"error": type(error).__name__, "message": str(error)})
        os._exit(1)  # the others may wait for this one: no farewells
    return 0


def _report(done: int, total: int, note: str = "") -> None:
    _say({"progress": [done, total, note]})


def _say(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def _end_with_parent() -> None:
    """End this process when the one that started it is gone: a killed training leaves nothing running."""
    parent = int(os.environ.get("SEGASSETS_TRAINING_PARENT", "0"))
    while parent and os.getppid() == parent:
        time.sleep(0.5)
    if parent:
        os._exit(1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
