"""What an artifact was made from: the record stored beside it, and the version derived from that record."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from segassets.errors import BadInput, MissingInput

FILE_NAME = "provenance.json"
_SOFTWARE = ("segassets", "dagster", "torch", "sam2", "numpy", "pycocotools")


def software_versions() -> dict[str, str]:
    """Versions of the packages that shape results, from their installed metadata (nothing is imported)."""
    return dict(_software_versions())


@cache
def _software_versions() -> dict[str, str]:
    """Looked up once: a batch writes a record for each of a thousand scenes."""
    found = {}
    for name in _SOFTWARE:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


@dataclass(frozen=True)
class Provenance:
    """One artifact's origin.

    Attributes:
        asset, scene, tag: its place.
        code_version: version of the code that makes this asset.
        inputs: upstream asset (or `footage`) -> version it had.
        config: the resolved configuration that shaped the result.
        model: {"name": ..., "sha256": ...} of the network used, empty when there was none.
    """

    asset: str
    scene: str
    tag: str = "main"
    code_version: str = "1"
    inputs: dict[str, str] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    model: dict[str, str] = field(default_factory=dict)
    software: dict[str, str] = field(default_factory=software_versions)
    created_at: str = field(default_factory=lambda: datetime.now(timezone.utc).isoformat(timespec="seconds"))

    @property
    def version(self) -> str:
        """16 hex digits that change when code version, inputs, configuration or model change, and only then."""
        identity = [self.asset, self.code_version, self.inputs, self.config, self.model]
        return hashlib.sha256(json.dumps(identity, sort_keys=True, default=str).encode()).hexdigest()[:16]

    def to_json(self) -> str:
        """The record as stored, its version included."""
        return json.dumps({"version": self.version, **asdict(self)}, indent=1, sort_keys=True, default=str)

    @classmethod
    def read(cls, path: Path) -> Provenance:
        """The record stored at `path`.

        Raises:
            MissingInput: there is none.
            BadInput: it is not a provenance record.
        """
        if not path.is_file():
            raise MissingInput(f"no provenance record at {path}")
        try:
            record = json.loads(path.read_text("utf-8"))
            record.pop("version", None)
            return cls(**record)
        except (ValueError, TypeError, AttributeError) as error:
            raise BadInput(f"{path}: expected a provenance record, found {error}") from error
