"""Experiment tags in the graph: each tag has its own assets, so its own record of what is materialized.

Assets of the tag `main` have the plain names (`sam2_tracks`); those of any other tag are prefixed with it
(`fine/sam2_tracks`), in the UI, on the command line and in the event log. Which tags Dagster shows is chosen by
`SEGASSETS_TAGS` (comma separated); the settings of a tag come from `configs/runs/<tag>.yaml` where there is one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import dagster as dg

from segassets.config import Settings, load_settings
from segassets.configs_dir import configs_dir
from segassets.errors import BadConfig, MissingInput
from segassets.storage.keys import check_scene_key

MAIN = "main"


def asset_key(tag: str, asset: str) -> dg.AssetKey:
    """Key of an asset of a tag."""
    return dg.AssetKey([asset] if tag == MAIN else [tag, asset])


def tag_of(key: dg.AssetKey) -> str:
    """The tag an asset key belongs to."""
    return key.path[0] if len(key.path) > 1 else MAIN


def op_name(tag: str, asset: str) -> str:
    """Name of the asset's op, under which a run config addresses it."""
    return asset_key(tag, asset).to_python_identifier()


def suffixed(name: str, tag: str) -> str:
    """Name of a job, schedule or sensor of a tag."""
    return name if tag == MAIN else f"{name}__{tag.replace('-', '_').replace('.', '_')}"


def configured_tags(environ: Mapping[str, str] = os.environ) -> list[str]:
    """`$SEGASSETS_TAGS`, else `main` and `$SEGASSETS_TAG`.

    Raises:
        BadConfig: a tag may not name a folder.
    """
    listed = environ.get("SEGASSETS_TAGS", "") or f"{MAIN},{environ.get('SEGASSETS_TAG', '')}"
    return list(dict.fromkeys(check_tag(part.strip()) for part in listed.split(",") if part.strip()))


def check_tag(tag: str) -> str:
    """The tag, when it may prefix asset keys and name a folder."""
    try:
        return check_scene_key(tag)
    except BadConfig as error:
        raise BadConfig(f"tag {tag!r}: {error}") from None


def settings_of_tags(tags: Sequence[str]) -> dict[str, Settings]:
    """Settings of each tag: environment over `configs/runs/<tag>.yaml` over defaults.

    Raises:
        BadConfig: tags that would be shown side by side write to different roots.
    """
    found = {tag: load_settings(_run_config_of(tag), options={"tag": tag}) for tag in tags}
    roots = {tag: settings.root for tag, settings in found.items()}
    if len(set(roots.values())) > 1:
        listed = ", ".join(f"{tag}: {root}" for tag, root in roots.items())
        raise BadConfig(
            f"tags shown side by side share one output root, found {listed}; set SEGASSETS_OUTPUT_ROOT, "
            "or show them one at a time with SEGASSETS_TAGS"
        )
    return found


def _run_config_of(tag: str) -> str | None:
    try:
        path = configs_dir() / "runs" / f"{tag}.yaml"
    except MissingInput:
        return None
    return str(path) if path.is_file() else None
