"""The format `langsplat`: what the asset `langsplat_export` made, one folder for each scene, free of the store."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from segassets.exports.langsplat import RECORD
from segassets.exports.source import ExportSource
from segassets.storage.provenance import FILE_NAME
from segassets.strict import StrictModel


class LangsplatOptions(StrictModel):
    """Nothing is chosen here: the settings are those of `langsplat_export`."""


def copy_langsplat(
    sources: Sequence[ExportSource], folder: Path, options: LangsplatOptions
) -> dict[str, Any]:
    """The exporter of format `langsplat`.

    Raises:
        MissingInput: `langsplat_export` of a scene has not been made; names the command.
    """
    records = {}
    for source in sources:
        made = source.artifact("langsplat_export").path
        ignored = shutil.ignore_patterns(FILE_NAME, "run.json")
        shutil.copytree(made, folder / source.scene, ignore=ignored)
        records[source.scene] = json.loads((made / RECORD).read_text("utf-8"))["scenes"]
    return {"langsplat_scenes": records}
