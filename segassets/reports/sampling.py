"""Which frames a report shows: stride, then a cap with even spacing that keeps the first and the last."""

from __future__ import annotations


def spaced(count: int, wanted: int) -> list[int]:
    """`wanted` evenly spaced positions of `range(count)`; first and (from two on) last are among them."""
    if count <= 0 or wanted <= 0:
        return []
    if wanted >= count:
        return list(range(count))
    if wanted == 1:
        return [0]
    return sorted({round(i * (count - 1) / (wanted - 1)) for i in range(wanted)})


def sample(count: int, *, stride: int = 1, max_frames: int = 0) -> list[int]:
    """Every `stride`-th position, then at most `max_frames` of them (0 = no cap); first and last stay."""
    chosen = list(range(0, count, max(1, stride)))
    if chosen and chosen[-1] != count - 1:
        chosen.append(count - 1)
    return [chosen[at] for at in spaced(len(chosen), max_frames or len(chosen))]


def first_middle_last(count: int, wanted: int) -> list[int]:
    """First, middle and last position (as far as there are three), filled up evenly to `wanted`."""
    if count <= 0:
        return []
    middle, wanted = (count - 1) // 2, max(3, wanted)
    before = spaced(middle + 1, (wanted + 1) // 2)
    after = [middle + at for at in spaced(count - middle, wanted + 1 - (wanted + 1) // 2)]
    return sorted({*before, *after, 0, middle, count - 1})
