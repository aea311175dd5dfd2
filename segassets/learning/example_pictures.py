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
        module.network.draw_from(module.experiment.seed, number)
        batch = batch.to(module.network.device)
        outputs = module.network(batch)
        predicted = torch.stack([output["pred_masks_high_res"][:, 0] > 0 for output in outputs]).cpu()
        path = folder / f"{number + 1:02d}.png"
        write_png(path, batch_sheet(batch.to("cpu"), 0, predicted))
        found.append(path)
    return found
