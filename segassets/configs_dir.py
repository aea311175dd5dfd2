"""Where the YAML files of a deployment live: datasets, models, experiments, runs, scenes."""

from __future__ import annotations

import os
from pathlib import Path

from segassets.errors import MissingInput


def configs_dir() -> Path:
    """`$SEGASSETS_CONFIGS`, else `./configs`, else the `configs/` beside this checkout.

    Raises:
        MissingInput: none of the three is a directory.
    """
    named = os.environ.get("SEGASSETS_CONFIGS")
    candidates = (
        [Path(named)] if named else [Path.cwd() / "configs", Path(__file__).parent.parent / "configs"]
    )
    for path in candidates:
        if (path / "datasets").is_dir():
            return path.resolve()
    looked = ", ".join(str(path) for path in candidates)
    raise MissingInput(
        f"no configs directory with a datasets/ folder found (looked at: {looked}); "
        "export SEGASSETS_CONFIGS=/path/to/configs"
    )
