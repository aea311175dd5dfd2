"""Results in Python: `segassets.open(root).scene(key).tracks()`: the table, and masks decoded on demand."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa

from segassets.masks.schemas import FRAMES, MASKS, TRACKS
from segassets.masks.table import read_table
from segassets.masks.views import Masks, Tracks
from segassets.storage.provenance import Provenance
from segassets.storage.store import Artifact, ArtifactStore

if TYPE_CHECKING:
    import numpy as np

    from segassets.datasets.frames import FrameSource
    from segassets.geometry.gaussians import Gaussians
    from segassets.geometry.points import PointCloud
    from segassets.lifting.ask import Answer, AskedScene
    from segassets.lifting.query_config import QueryConfig
    from segassets.lifting.stored_depth import DepthMaps
    from segassets.lifting.stored_instances import StoredInstances


def open(root: str | os.PathLike, tag: str = "main", *, allow_stale: bool = False) -> Results:
    """The results under an output root.

    Args:
        root: local path or fsspec URL.
        tag: experiment tag.
        allow_stale: read artifacts whose inputs have changed since, instead of refusing them.
    """
    return Results(ArtifactStore(root, tag), allow_stale)


@dataclass(frozen=True)
class Results:
    """All results of one tag."""

    store: ArtifactStore
    allow_stale: bool = False

    def scenes(self, asset: str = "frames") -> list[str]:
        """Keys of the scenes that have this asset, sorted."""
        return self.store.scenes(asset)

    def scene(self, key: str) -> SceneResults:
        """The results of one scene; nothing is read yet."""
        return SceneResults(self.store, key, self.allow_stale)


@dataclass(frozen=True)
class SceneResults:
    """The results of one scene.

    Every method raises MissingInput where the asset has not been made, and StaleInput where it no longer
    fits what it was made from; both say what to do.
    """

    store: ArtifactStore
    key: str
    allow_stale: bool = False

    def artifact(self, asset: str) -> Artifact:
        """Folder and provenance of an asset, for files this class has no method for."""
        read = self.store.peek if self.allow_stale else self.store.open
        return read(asset, self.key)

    def provenance(self, asset: str) -> Provenance:
        """What the asset was made from: inputs with versions, config, model hash, code version."""
        return self.store.peek(asset, self.key).provenance

    def frames(self) -> pa.Table:
        """Table of schema FRAMES."""
        return read_table(self.artifact("frames").path / "frames.parquet", FRAMES)

    def facts(self) -> dict[str, Any]:
        """Dataset, name, root and categories of the scene."""
        return json.loads((self.artifact("frames").path / "scene.json").read_text("utf-8"))

    def categories(self) -> dict[int, str]:
        """Category id to name."""
        return {int(key): name for key, name in (self.facts().get("categories") or {}).items()}

    def pictures(self) -> FrameSource:
        """The pictures: `read(frame)`, `iterate()` give RGB uint8 (H, W, 3); the footage must still exist."""
        from segassets.datasets.frames import FrameSource

        return FrameSource(self.frames(), self.facts()["root"])

    def annotations(self) -> Masks:
        """The scene's annotations."""
        return Masks(self._masks("coco_masks"))

    def candidates(self, filtered: bool = False) -> Masks:
        """Candidates on keyframes; those the filter kept when `filtered`."""
        return Masks(self._masks("filtered_masks" if filtered else "mask_candidates"))

    def tracks(self) -> Tracks:
        """Masks with identities through time, and the summary of each track."""
        summary = read_table(self.artifact("sam2_tracks").path / "tracks.parquet", TRACKS)
        return Tracks(self._masks("sam2_tracks"), summary)

    def instances(self) -> StoredInstances:
        """3D instances: `rows` of the table, `points(row)`, `box(row)`, `embeddings`, `facts`."""
        from segassets.lifting.stored_instances import StoredInstances

        return StoredInstances.load(self.artifact("scene_instances").path)

    def query(self, question: str, config: QueryConfig | None = None) -> Answer:
        """The instances a question in words means, best first: `rows`, `ranked`, `records()`, `notes`.

        Raises:
            BadInput: the question cannot be understood.
        """
        from segassets.lifting.query_config import QueryConfig

        return self._asked().ask(question, config or QueryConfig())

    def picture_of(self, answer: Answer) -> np.ndarray | None:
        """An answer's pictures side by side, RGB uint8 (H, W, 3); None where nothing was found."""
        from segassets.lifting.answer_pictures import answer_sheet

        asked = self._asked()
        return answer_sheet(answer, self.pictures(), asked.stored, asked.masks)

    def _asked(self) -> AskedScene:
        from segassets.lifting.stored_scene import open_asked_scene

        return open_asked_scene(self.store, self.key, allow_stale=self.allow_stale)

    def depth(self) -> DepthMaps:
        """Depth by frame, and what each map is."""
        from segassets.lifting.stored_depth import DepthMaps

        return DepthMaps(self.artifact("depth_maps").path)

    def points(self, frame: int | None = None) -> PointCloud:
        """Points of a frame; of all frames, where they share a world.

        Raises:
            MissingInput: nothing was lifted; names the reasons.
            BadInput: frames that share no world; ask for one.
        """
        from segassets.geometry.stored_lift import load_cloud

        return load_cloud(self.artifact("depth_lifts").path, frame)

    def gaussians(self, per: Literal["point", "object", "mask"] = "point") -> Gaussians:
        """Gaussians to begin with: one for each point, each object or each mask, in 3DGS's activations."""
        from segassets.geometry import stored_lift
        from segassets.geometry.gaussians import load_gaussians

        asset, name = {
            "point": ("gaussians", stored_lift.DENSE_FILE),
            "object": ("gaussians", stored_lift.OBJECTS_FILE),
            "mask": ("depth_lifts", stored_lift.MASK_GAUSSIANS_FILE),
        }[per]
        return load_gaussians(self.artifact(asset).path / name)

    def _masks(self, asset: str) -> pa.Table:
        return read_table(self.artifact(asset).path / "masks.parquet", MASKS)
