"""What the UI shows of a materialization: few numbers it can plot, a picture, provenance; never a secret."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from segassets.orchestration.work import Made
    from segassets.storage.provenance import Provenance

PREVIEW_BYTES = 20_000
_INLINE = 1000  # the UI shows Markdown of fewer characters at once, longer behind a click
_SECRET = re.compile(r"secret|password|passwd|token|credential|api_?key|_env$", re.IGNORECASE)
HIDDEN = "(hidden)"


def materialization_metadata(
    made: Made, provenance: Provenance, *, location: str, stored_bytes: int, run: Mapping[str, Any]
) -> dict[str, dg.MetadataValue]:
    """Metadata of one scene's materialization.

    Args:
        run: record of the making: seconds, peak_cpu_bytes, peak_gpu_bytes (None without a GPU).
    """
    numbers = {**made.numbers, "seconds": round(run["seconds"], 3), "bytes": stored_bytes}
    numbers["peak_cpu_mb"] = round(run["peak_cpu_bytes"] / 1e6, 1)
    if run["peak_gpu_bytes"] is not None:
        numbers["peak_gpu_mb"] = round(run["peak_gpu_bytes"] / 1e6, 1)
    metadata: dict[str, dg.MetadataValue] = {}
    if made.preview is not None:
        metadata |= pictures(made.preview, f"{provenance.asset} of {provenance.scene}")
    for name, svg in made.plots.items():
        metadata[name] = plot(svg, f"{name} of {provenance.scene}")
    for name, value in numbers.items():
        if value is not None:
            metadata[name] = number(value)
    if made.details:
        metadata["details"] = dg.MetadataValue.json(without_secrets(dict(made.details)))
    metadata["location"] = (
        dg.MetadataValue.url(location) if "://" in location else dg.MetadataValue.path(location)
    )
    metadata["provenance"] = dg.MetadataValue.json(provenance_record(provenance))
    return metadata


def provenance_record(provenance: Provenance) -> dict[str, Any]:
    """Where an artifact comes from, as shown: inputs, config, model, code version."""
    return {
        "version": provenance.version,
        "code_version": provenance.code_version,
        "inputs": dict(provenance.inputs),
        "model": dict(provenance.model),
        "config": without_secrets(provenance.config),
        "software": dict(provenance.software),
    }


def number(value: float | int) -> dg.MetadataValue:
    """An int or float the UI can plot; what is not finite is shown as text."""
    if isinstance(value, bool) or not math.isfinite(value):
        return dg.MetadataValue.text(str(value))
    return dg.MetadataValue.int(value) if isinstance(value, int) else dg.MetadataValue.float(float(value))


def pictures(rgb: np.ndarray, title: str) -> dict[str, dg.MetadataValue]:
    """A preview, and a thumbnail small enough to be shown in the table itself.

    Pictures are WebP inside Markdown, which is the one way the UI shows them.
    """
    from segassets.media.preview import thumbnail, webp_data_uri

    found = {"preview": f"![{title}]({webp_data_uri(rgb, max_bytes=PREVIEW_BYTES)})"}
    small = f"![]({webp_data_uri(thumbnail(rgb, 96), max_bytes=_INLINE - 20, max_side=96)})"
    if len(small) < _INLINE:
        found = {"thumbnail": small, **found}
    return {name: dg.MetadataValue.md(text) for name, text in found.items()}


def plot(svg: str, title: str) -> dg.MetadataValue:
    """An SVG file inside Markdown."""
    encoded = base64.b64encode(svg.encode("utf-8")).decode("ascii")
    return dg.MetadataValue.md(f"![{title}](data:image/svg+xml;base64,{encoded})")


def without_secrets(value: Any) -> Any:
    """The same values with those behind names such as `token`, `password` or `..._env` replaced."""
    if isinstance(value, Mapping):
        return {
            key: _hide(item) if _SECRET.search(str(key)) else without_secrets(item)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [without_secrets(item) for item in value]
    return value


def _hide(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict.fromkeys(value, HIDDEN)
    return HIDDEN if value else value


def column_schema(schema: pa.Schema) -> dict[str, dg.TableSchema]:
    """An Arrow schema as the column documentation of an asset."""
    columns = [
        dg.TableColumn(
            field.name,
            type=str(field.type),
            description=(field.metadata or {}).get(b"doc", b"").decode(),
            constraints=dg.TableColumnConstraints(nullable=field.nullable),
        )
        for field in schema
    ]
    return {"dagster/column_schema": dg.TableSchema(columns)}
