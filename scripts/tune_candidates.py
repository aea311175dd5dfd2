"""Try settings of candidate generation on annotated scenes: recall by level, masks, seconds, one line a setting.

    python scripts/tune_candidates.py --model nano --dataset rooms_train --scenes 12 \
        stability_threshold=0.5,0.6,0.7 predicted_iou_threshold=0.4,0.6

Every combination of the values is measured, over the model's own settings, on the first frame of each scene.
Thresholds are chosen on rooms a model may have seen, never on those it is judged by (rooms_eval).
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections import defaultdict

import numpy as np
import torch
import yaml

from segassets.datasets.annotations import annotation_table
from segassets.datasets.frames import FrameSource, frames_table
from segassets.datasets.load import all_scene_keys, open_scene
from segassets.models.registry import load_spec
from segassets.models.sam2.build import get_network
from segassets.models.sam2.images import Sam2ImageSegmenter
from segassets.proposals.config import CandidateConfig, FilterConfig
from segassets.proposals.filtering import filter_masks
from segassets.proposals.recall import LevelRecall, candidate_recall
from segassets.proposals.sam2_engine import Sam2CandidateEngine
from segassets.proposals.scene import propose_scene
from segassets.strict import parse


def main() -> None:
    """Print a table of settings and figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="nano")
    parser.add_argument("--dataset", default="rooms_train")
    parser.add_argument("--scenes", type=int, default=12)
    parser.add_argument("--filter-stability", type=float, default=0.0)
    parser.add_argument("values", nargs="*", help="name=value,value of a CandidateConfig field")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    spec = load_spec(arguments.model)
    segmenter = Sam2ImageSegmenter(get_network(spec, "cpu"))
    scenes = []
    for key in all_scene_keys([arguments.dataset])[: arguments.scenes]:
        scene = open_scene(key)
        first = frames_table(scene).slice(0, 1)
        scenes.append((key, FrameSource(first, scene.root), annotation_table(scene).table))
    names, choices = [], []
    for text in arguments.values:
        name, _, values = text.partition("=")
        names.append(name)
        choices.append([yaml.safe_load(value) for value in values.split(",")])
    for combination in itertools.product(*choices):
        settings = dict(zip(names, combination, strict=True))
        suited = spec.settings.get("candidates", {})
        config = parse(CandidateConfig, suited | settings, "command line")
        print(
            settings or "defaults", measure(scenes, segmenter, config, arguments.filter_stability), flush=True
        )


def measure(scenes: list, segmenter: Sam2ImageSegmenter, config: CandidateConfig, stability: float) -> str:
    """Figures over the scenes, filtered as by default but for `stability`."""
    began, masks, figures = time.perf_counter(), [], defaultdict(list)
    for key, source, truth in scenes:
        table = propose_scene(source, key, Sam2CandidateEngine(segmenter, config), config)
        table, _ = filter_masks(table, FilterConfig(stability=stability))
        masks.append([(table.column("level").to_numpy() == level).sum() for level in config.levels])
        for level, found in candidate_recall(table, truth, frames=[0]).items():
            figures[level].append(found)
    seconds = (time.perf_counter() - began) / max(1, len(scenes))
    by_level = " ".join(f"level {level}: {pooled(found)}" for level, found in sorted(figures.items()))
    return f"| {seconds:.2f} s | masks {np.mean(masks, 0).round(1)} | {by_level}"


def pooled(found: list[LevelRecall]) -> str:
    """Recall of any and of the own level, mean best IoU and the baseline, over all true masks."""
    weights = [item.truths for item in found]
    names = ("recall", "recall_at_level", "mean_best_iou", "baseline")
    values = [np.average([getattr(item, name) for item in found], weights=weights) for name in names]
    return "any {:.3f} own {:.3f} iou {:.3f} boxes {:.3f}".format(*values)


if __name__ == "__main__":
    main()
