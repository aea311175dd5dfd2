"""Which seeds are whose: the rooms that judge are never among the rooms that teach."""

from __future__ import annotations

from collections.abc import Iterable

from segassets.errors import BadConfig

EVAL_SEEDS = range(900_000_000, 901_000_000)


def check_training_seeds(seeds: Iterable[int]) -> None:
    """Refuse seeds that are kept for evaluation.

    Raises:
        BadConfig: a seed lies in EVAL_SEEDS.
    """
    if isinstance(seeds, range) and seeds:
        low, high = min(seeds[0], seeds[-1]), max(seeds[0], seeds[-1])
        if high < EVAL_SEEDS.start or low >= EVAL_SEEDS.stop:
            return
    kept = next((seed for seed in seeds if seed in EVAL_SEEDS), None)
    if kept is not None:
        raise BadConfig(
            f"seed {kept} is kept for evaluation and must not be trained on; choose seeds below "
            f"{EVAL_SEEDS.start} or from {EVAL_SEEDS.stop} on"
        )
