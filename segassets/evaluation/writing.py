"""What an evaluation leaves on disk while it runs: items, predictions and probabilities, a few rows in memory."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from segassets.evaluation.items import ITEMS
from segassets.evaluation.judge import Judgement
from segassets.evaluation.prompts import EvaluationConfig
from segassets.evaluation.scenes import TrueScene
from segassets.masks import rle
from segassets.masks.schemas import MASKS
from segassets.masks.table import MaskRows
from segassets.storage.atomic import disk_errors

ITEMS_FILE, PREDICTIONS_FILE, PREDICT_FILE = "items.parquet", "predictions.parquet", "predict.json"
PROBABILITIES = "probs"
MOD = 1_000_000  # obj_id = count x MOD + category
_ROWS = 512  # held before they are written
_SOURCE = "prediction"


class EvaluationWriter:
    """Collects judgements in a folder; use as a context manager, so that every file is closed.

    Args:
        folder: exists; a staging folder that is published whole.
    """

    def __init__(self, folder: Path, config: EvaluationConfig) -> None:
        self.folder, self.config = folder, config
        self._open = ExitStack()
        self._items: list[dict[str, Any]] = []
        self._masks: MaskRows | None = None
        self._next_mask_id = 1
        self._image_ids: list[str] = []
        self._images = 0

    def __enter__(self) -> EvaluationWriter:
        self._items_file = self._writer(ITEMS_FILE, ITEMS)
        if self.config.save_predictions:
            self._masks_file = self._writer(PREDICTIONS_FILE, MASKS)
        if self.config.save_predict_json:
            self._json = self._open.enter_context((self.folder / PREDICT_FILE).open("w"))
            self._json.write("[")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        with disk_errors(self.folder), self._open:
            if kind is None:
                self._flush()
                if self.config.save_predict_json:
                    self._json.write("\n]\n")
                if self.config.save_probabilities:
                    meta = {"mod": MOD, "image_ids": self._image_ids}
                    (self.folder / PROBABILITIES).mkdir(exist_ok=True)
                    (self.folder / PROBABILITIES / "meta.json").write_text(json.dumps(meta) + "\n")

    def begin(self, scene: TrueScene) -> None:
        """The judgements that follow are of this scene."""
        self._flush()
        self._masks = MaskRows(scene.key, self._next_mask_id)

    def add(self, scene: TrueScene, frame: int, judged: list[Judgement]) -> None:
        """All judgements of one frame."""
        with disk_errors(self.folder):
            self._items += [judgement.row for judgement in judged]
            if self.config.save_predictions or self.config.save_predict_json:
                for judgement in judged:
                    self._add_mask(scene, frame, judgement)
            if self.config.save_probabilities and judged:
                self._add_probabilities(scene, frame, judged)
            self._images += bool(judged)
            if len(self._items) >= _ROWS:
                self._flush()

    def _add_mask(self, scene: TrueScene, frame: int, judgement: Judgement) -> None:
        if not judgement.mask.any():  # an absent object has no row
            return
        target, (height, width) = judgement.target, judgement.mask.shape
        counts = rle.encode(judgement.mask)
        if self.config.save_predictions and self._masks is not None:
            self._masks.add(
                frame=frame,
                source_frame=scene.source.source_frame(frame),
                height=height,
                width=width,
                rle_counts=counts,
                source=_SOURCE,
                track_id=max(target.object_id, 0) if target.object_id else target.category_id + 2,
                category_id=target.category_id,
                score=judgement.score,
            )
        if self.config.save_predict_json:
            entry = {
                "image_id": self._images,
                "video_id": scene.key,
                "order_in_video": frame,
                "object_id": target.object_id,
                "category_id": target.category_id,
                "segmentation": {"size": [height, width], "counts": counts},
                "score": round(judgement.score, 6),
            }
            self._json.write(("," if self._json.tell() > 1 else "") + "\n" + json.dumps(entry))

    def _add_probabilities(self, scene: TrueScene, frame: int, judged: list[Judgement]) -> None:
        """`probs/<scene>/<frame>.npz`: probs float16 (N, H, W), obj_ids = count x MOD + category, true_ids."""
        count: Counter[int] = Counter()
        planes, ids, true_ids = [], [], []
        for judgement in judged:
            category = judgement.target.category_id % MOD  # -1, no category, is MOD - 1
            for plane in judgement.objects:
                planes.append(plane)
                ids.append(count[category] * MOD + category)
                true_ids.append(judgement.target.object_id)
                count[category] += 1
        height, width = judged[0].mask.shape
        path = self.folder / PROBABILITIES / scene.key / f"{frame:06d}.npz"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(
            path,
            probs=np.stack(planes) if planes else np.zeros((0, height, width), np.float16),
            obj_ids=np.array(ids, np.int64),
            true_ids=np.array(true_ids, np.int64),
            height=np.int64(height),
            width=np.int64(width),
        )
        self._image_ids.append(f"{scene.key}/{frame:06d}")

    def _flush(self) -> None:
        if self._items:
            self._items_file.write_table(pa.Table.from_pylist(self._items, schema=ITEMS))
            self._items = []
        if self._masks is not None and len(self._masks):
            self._masks_file.write_table(self._masks.to_table())
            self._next_mask_id = self._masks.next_mask_id
            self._masks = MaskRows(self._masks.scene, self._next_mask_id)

    def _writer(self, name: str, schema: pa.Schema) -> pq.ParquetWriter:
        return self._open.enter_context(pq.ParquetWriter(self.folder / name, schema, compression="zstd"))
