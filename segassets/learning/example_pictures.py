"""Pictures of what a network has learned: clips with the truth beside the prediction."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from segassets.learning.clip_preview import batch_sheet
from segassets.learning.lightning_module import ClipTraining
from segassets.learning.training_batches import Clips
from segassets.storage.atomic import write_bytes


@torch.no_grad()
def write_examples(module: ClipTraining, clips: Clips, folder: Path) -> list[Path]:
    """Write `01.png`, `02.png`, ... of the first clips to judge by; the network ends on the clips' device."""
    found = []
    module.network.eval().to(clips.device.name)
    for number, batch in enumerate(clips.judged(module.experiment.logging.examples)):
        module.network.draw_from(module.experiment.seed, number)
        batch = batch.to(module.network.device)
        outputs = module.network(batch)
        predicted = torch.stack([output["pred_masks_high_res"][:, 0] > 0 for output in outputs]).cpu()
        path = folder / f"{number + 1:02d}.png"
        write_bytes(path, _png(batch_sheet(batch.to("cpu"), 0, predicted)))
        found.append(path)
    return found


def _png(picture: Any) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "PNG")
    return stream.getvalue()
