"""Show a network the targets of a clip, each object once, and let it follow them: one frame in memory at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from segassets.errors import BadInput
from segassets.evaluation.prompting import Prompt, make_prompt, seeded
from segassets.evaluation.prompts import EvaluationConfig
from segassets.evaluation.scenes import TrueScene
from segassets.evaluation.targets import Shown, Target
from segassets.masks import rle

if TYPE_CHECKING:
    import torch

    from segassets.models.streaming import VideoTracker

ObjectKey = tuple[int, int]  # position of the target, number of the object within it


@dataclass(frozen=True)
class Answer:
    """What the network says of one object on one frame.

    Attributes:
        logits: (h, w) over the whole frame, at the network's own resolution.
        score: predicted IoU times the probability that the object is in view.
        prompt: the kind of prompt it was shown as.
        shown_here: whether that was on this frame.
    """

    logits: torch.Tensor
    score: float
    prompt: str
    shown_here: bool


@dataclass
class _Cohort:
    """Objects that step through the network together."""

    keys: list[ObjectKey]
    kinds: list[str]
    memory: Any


@dataclass(frozen=True)
class Following:
    """The answers on one frame, by object; an object that was not shown yet has none."""

    frame: int
    rgb: np.ndarray
    answers: dict[ObjectKey, Answer]


def follow_clip(
    tracker: VideoTracker, scene: TrueScene, clip: range, targets: Sequence[Target], config: EvaluationConfig
) -> Iterator[Following]:
    """Every frame of the clip up to the last judged one.

    Args:
        tracker: a fresh network for footage of the clip's length.
    """
    shown: dict[int, list[tuple[ObjectKey, Shown, Target]]] = defaultdict(list)
    for position, target in enumerate(targets):
        for item in target.shown:
            shown[item.frame].append(((position, item.number), item, target))
    last = max((frame for target in targets for frame in target.frames), default=clip.start - 1)
    cohorts: list[_Cohort] = []
    for frame, rgb in scene.source.iterate(range(clip.start, last + 1)):
        answers: dict[ObjectKey, Answer] = {}
        if cohorts or shown.get(frame):
            with _enough_memory(scene, frame):
                features = tracker.encode(rgb, frame - clip.start)
                for cohort in cohorts:
                    answers |= _answers(cohort, tracker.step(features, cohort.memory), shown_here=False)
                for batch in _batches(shown.get(frame, []), scene, config):
                    memory, output = _show(tracker, features, [prompt for _, prompt in batch], rgb.shape[:2])
                    cohort = _Cohort([key for key, _ in batch], [prompt.kind for _, prompt in batch], memory)
                    answers |= _answers(cohort, output, shown_here=True)
                    cohorts += _still_judged(cohort, targets, frame)
                cohorts = _merged(tracker, cohorts, config.objects_per_batch)
        yield Following(frame, rgb, answers)


@contextmanager
def _enough_memory(scene: TrueScene, frame: int) -> Iterator[None]:
    """Running out of memory as an error that names what to lower."""
    import torch

    try:
        yield
    except (MemoryError, torch.OutOfMemoryError) as error:
        said = (str(error).splitlines() or ["on the host"])[0]
        raise BadInput(
            f"scene {scene.key}, frame {frame}: out of memory ({said}); lower "
            "evaluation.objects_per_batch, choose precision bf16, or evaluate on another device"
        ) from error


def _batches(
    shown: Sequence[tuple[ObjectKey, Shown, Target]], scene: TrueScene, config: EvaluationConfig
) -> Iterator[list[tuple[ObjectKey, Prompt]]]:
    """Prompts of one kind and count of clicks, at most a batch at a time."""
    groups: dict[tuple[str, int], list[tuple[ObjectKey, Prompt]]] = defaultdict(list)
    for key, item, target in shown:
        mask = rle.decode(item.rle_counts, *scene.source.size_hw(item.frame))
        who = target.object_id or target.category_id * 1000 + item.number
        prompt = make_prompt(mask, config, seeded(config.seed, scene.key, item.frame, who))
        group = groups[prompt.group]
        group.append((key, prompt))
        if len(group) == config.objects_per_batch:
            yield groups.pop(prompt.group)
    yield from groups.values()


def _show(
    tracker: VideoTracker, features: Any, prompts: Sequence[Prompt], shape: tuple[int, ...]
) -> tuple[Any, Any]:
    if prompts[0].mask is not None:
        return tracker.found(features, masks=np.stack([p.mask for p in prompts if p.mask is not None]))
    size = np.array([shape[1], shape[0]], np.float32)
    given: dict[str, np.ndarray] = {}
    if prompts[0].box_xyxy is not None:
        given["boxes_xyxy"] = np.array([p.box_xyxy for p in prompts], np.float32) / np.tile(size, 2)
    if len(prompts[0].labels):
        given["points_xy"] = np.stack([p.points_xy for p in prompts]) / size
        given["labels"] = np.stack([p.labels for p in prompts])
    return tracker.found(features, **given)


def _still_judged(cohort: _Cohort, targets: Sequence[Target], frame: int) -> list[_Cohort]:
    """The objects that are judged on a later frame too: none, or a cohort of them."""
    kept = [at for at, (position, _) in enumerate(cohort.keys) if targets[position].frames[-1] > frame]
    if not kept:
        return []
    if len(kept) == len(cohort.keys):
        return [cohort]
    keys, kinds = [cohort.keys[at] for at in kept], [cohort.kinds[at] for at in kept]
    return [_Cohort(keys, kinds, cohort.memory.select(kept))]


def _answers(cohort: _Cohort, output: Any, shown_here: bool) -> dict[ObjectKey, Answer]:
    scores = (output.predicted_iou * output.objectness).cpu().tolist()
    return {
        key: Answer(output.logits[at], scores[at], kind, shown_here)
        for at, (key, kind) in enumerate(zip(cohort.keys, cohort.kinds, strict=True))
    }


def _merged(tracker: VideoTracker, cohorts: list[_Cohort], size: int) -> list[_Cohort]:
    """Full memories in common batches: ages no longer differ to the network."""
    merged: list[_Cohort] = []
    for cohort in cohorts:
        before = merged[-1] if merged else None
        if (
            before is not None
            and before.memory.is_full
            and cohort.memory.is_full
            and len(before.keys) + len(cohort.keys) <= size
        ):
            memory = tracker.merge([before.memory, cohort.memory])
            merged[-1] = _Cohort(before.keys + cohort.keys, before.kinds + cohort.kinds, memory)
        else:
            merged.append(cohort)
    return merged
