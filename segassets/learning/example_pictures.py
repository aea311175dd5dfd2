"""Pictures of what a network has learned: clips with the truth beside the prediction."""

from __future__ import annotations

from pathlib import Path

import torch

from segassets.learning.clip_preview import batch_sheet
from segassets.learning.lightning_module import ClipTraining
from segassets.learning.training_batches import Clips
from segassets.media.pictures import write_png


@torch.no_grad()
def write_examples(module: ClipTraining, clips: Clips, folder: Path) -> list[Path]:
    """Write `01.png`, `02.png`, ... of the first clips to judge by; the network ends on the clips' device."""
    found = []
    module.network.eval().to(clips.device.name)
    for number, batch in enumerate(clips.judged(module.experiment.logging.examples)):
        predicted = module.predict(batch.to(clips.device.name), number).cpu()
        path = folder / f"{number + 1:02d}.png"
        write_png(path, batch_sheet(batch.to("cpu"), 0, predicted))
        found.append(path)
    return found
