"""Export formats by name, and the function that writes them: a folder that appears whole or not at all."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segassets.errors import BadConfig, BadInput, did_you_mean
from segassets.exports.coco import CocoOptions, write_coco
from segassets.exports.davis import DavisOptions, write_davis
from segassets.exports.langsplat_copy import LangsplatOptions, copy_langsplat
from segassets.exports.my3dis import My3disOptions, write_my3dis
from segassets.exports.records import RecordsOptions, write_records
from segassets.exports.relations import RelationsOptions, write_relations
from segassets.exports.rrd import RrdOptions, write_rrd
from segassets.exports.sav import SavOptions, write_sav
from segassets.exports.source import ExportSource
from segassets.exports.space import (
    ColmapOptions,
    GaussiansOptions,
    PointsOptions,
    write_colmap_scenes,
    write_gaussians,
    write_points,
)
from segassets.exports.ytvis import YtvisOptions, write_ytvis
from segassets.storage import atomic
from segassets.storage.store import ArtifactStore
from segassets.strict import StrictModel, parse

MARKER = "export.json"


@dataclass(frozen=True)
class ExportFormat:
    """One format.

    Attributes:
        options: what may be chosen; every field has a default and a description.
        write: (sources, folder, options) -> figures about what was written.
        of: the asset whose scenes are exported where none are named.
    """

    name: str
    description: str
    options: type[StrictModel]
    write: Callable[[Sequence[ExportSource], Path, Any], dict[str, Any]]
    of: str = "sam2_tracks"


FORMATS: dict[str, ExportFormat] = {
    item.name: item
    for item in (
        ExportFormat(
            "my3dis",
            "My3DIS run folders: frame-major and object-major archives, candidates, filtered masks, manifest",
            My3disOptions,
            write_my3dis,
        ),
        ExportFormat(
            "coco", "one COCO JSON with RLE, video_id, order_in_video and track_id", CocoOptions, write_coco
        ),
        ExportFormat(
            "davis",
            "palette PNGs per frame (DAVIS), or one folder per object (SA-V)",
            DavisOptions,
            write_davis,
        ),
        ExportFormat(
            "sav", "SA-V's JSON of masklets, with its pictures, for sam2's training", SavOptions, write_sav
        ),
        ExportFormat(
            "ytvis", "one YTVIS / LV-VIS JSON of tubes, or a list of results", YtvisOptions, write_ytvis
        ),
        ExportFormat(
            "relations", "the tree of the candidates as CSV and JSON", RelationsOptions, write_relations
        ),
        ExportFormat("points", "points of lifted scenes as PLY", PointsOptions, write_points, "depth_lifts"),
        ExportFormat(
            "gaussians",
            "3DGS's PLY of Gaussians, the object of each in a side file",
            GaussiansOptions,
            write_gaussians,
            "gaussians",
        ),
        ExportFormat(
            "colmap",
            "COLMAP sparse models of lifted scenes, binary or text, with their pictures",
            ColmapOptions,
            write_colmap_scenes,
            "depth_lifts",
        ),
        ExportFormat(
            "langsplat",
            "LangSplat's scenes: pictures, COLMAP model, language features, checkpoints",
            LangsplatOptions,
            copy_langsplat,
            of="langsplat_export",
        ),
        ExportFormat(
            "records",
            "one safetensors record a picture: masks, points, Gaussians, embeddings",
            RecordsOptions,
            write_records,
            of="frames",
        ),
        ExportFormat(
            "rrd",
            "recordings for the rerun viewer (extra rerun): pictures, masks, depth, points",
            RrdOptions,
            write_rrd,
            of="frames",
        ),
    )
}


def export_format(name: str) -> ExportFormat:
    """The format of that name.

    Raises:
        BadConfig: there is none; names the nearest.
    """
    if name not in FORMATS:
        raise BadConfig(f"unknown export format '{name}'.{did_you_mean(name, FORMATS)}")
    return FORMATS[name]


def export_scene(
    store: ArtifactStore,
    scene: str,
    format: str,
    out_dir: str | Path,
    *,
    options: Mapping[str, Any] | None = None,
    allow_stale: bool = False,
) -> dict[str, Any]:
    """`export_scenes` of one scene."""
    return export_scenes(store, [scene], format, out_dir, options=options, allow_stale=allow_stale)


def export_scenes(
    store: ArtifactStore,
    scenes: Sequence[str],
    format: str,
    out_dir: str | Path,
    *,
    options: Mapping[str, Any] | None = None,
    allow_stale: bool = False,
) -> dict[str, Any]:
    """Write scenes in a format into the folder `out_dir`, which appears whole or not at all.

    Args:
        format: a name in FORMATS.
        out_dir: a new or empty folder, or an earlier export in the same format, which is replaced.
        options: values of the format's options.
        allow_stale: export artifacts whose inputs have changed since.

    Returns:
        What `export.json` in the folder holds: format, scenes, tag, options, versions of the artifacts read,
        figures of the format, and "files", their number.

    Raises:
        BadConfig: unknown format or option.
        BadInput: `out_dir` holds something else, or the masks do not fit the format.
        MissingInput, StaleInput: an artifact is not there or no longer fits its inputs.
    """
    chosen = export_format(format)
    settings = parse(chosen.options, dict(options or {}), f"options of export format {format}")
    target = Path(out_dir).expanduser().absolute()
    _refuse_foreign(target, format)
    sources = [ExportSource(store, scene, allow_stale=allow_stale) for scene in dict.fromkeys(scenes)]
    target.parent.mkdir(parents=True, exist_ok=True)
    staging = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.staging")
    staging.mkdir()
    try:
        with atomic.disk_errors(target):
            figures = chosen.write(sources, staging, settings)
            record = {
                "format": format,
                "tag": store.tag,
                "scenes": [source.scene for source in sources],
                "options": settings.model_dump(mode="json"),
                "versions": {source.scene: source.versions for source in sources},
                **figures,
                "files": sum(not item.is_dir() for item in staging.rglob("*")) + 1,
            }
            atomic.write_text(staging / MARKER, json.dumps(record, indent=1))
            atomic.publish_dir(staging, target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return record


def _refuse_foreign(target: Path, format: str) -> None:
    """Raises BadInput unless `target` is absent, empty, or an earlier export in this format."""
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise BadInput(f"cannot export to {target}: expected a folder, found a file or a link")
    if not target.exists() or not any(target.iterdir()):
        return
    try:
        found = json.loads((target / MARKER).read_text("utf-8"))["format"]
    except (OSError, ValueError, KeyError, TypeError):
        raise BadInput(
            f"cannot export to {target}: it is not empty and not an earlier export; name a new folder"
        ) from None
    if found != format:
        raise BadInput(f"cannot export to {target}: it holds an export in format '{found}', not '{format}'")
