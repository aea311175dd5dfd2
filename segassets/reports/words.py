"""Numbers as reports write them, and the template environment (autoescape on)."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import jinja2

NONE = "–"


def figure(value: float | None, digits: int = 2) -> str:
    """`0.82`; a dash for None and nan."""
    return NONE if value is None or not math.isfinite(value) else f"{value:.{digits}f}"


def share(value: float) -> str:
    """A share of one as per cent with two significant digits: `12 %`, `0.34 %`."""
    percent = 100 * value
    return f"{percent:.0f} %" if percent >= 10 else f"{percent:.2g} %"


def seconds(value: float | None) -> str:
    """`0.42 s`, `37 s`, `3 min 20 s`, `2 h 05 min`."""
    if value is None:
        return NONE
    if value < 10:
        return f"{value:.2g} s" if value < 1 else f"{value:.1f} s"
    whole = round(value)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def size(value: float | None) -> str:
    """Bytes as `640 MB` or `1.4 GB` (powers of ten)."""
    if value is None:
        return NONE
    return f"{value / 1e9:.1f} GB" if value >= 1e9 else f"{value / 1e6:.0f} MB"


def several(count: int, noun: str) -> str:
    """`1 frame`, `24 frames`, `2,400 frames`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def cell(text: str) -> str:
    """Text that stays inside one cell of a Markdown table."""
    return " ".join(text.replace("\\", "\\\\").replace("|", "\\|").split())


def moment(text: str | None) -> str:
    """An ISO time to the second, without its offset: `2026-11-21 10:00:00`."""
    return (text or NONE)[:19].replace("T", " ")


def tidy(markdown: str) -> str:
    """Markdown with one empty line around headings, tables, pictures and details, and no runs of them."""
    blocks: list[str] = []
    kind_before = ""
    fenced = False
    for line in markdown.splitlines():
        kind = (
            ""
            if fenced
            else next((mark for mark in ("#", "![", "<details", "|") if line.startswith(mark)), "")
        )
        apart = kind != kind_before or kind in ("#", "![")
        if apart and (kind or kind_before in ("#", "![", "|")) and blocks and blocks[-1]:
            blocks.append("")
        fenced ^= line.startswith("```")
        kind_before = kind
        if line or (blocks and blocks[-1]) or fenced:
            blocks.append(line.rstrip())
    return "\n".join(blocks).strip() + "\n"


@lru_cache(maxsize=1)
def environment() -> jinja2.Environment:
    """Templates of `segassets/reports/templates`; everything put into them is escaped."""
    import jinja2

    made = jinja2.Environment(
        loader=jinja2.PackageLoader("segassets.reports", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["cell"] = cell
    return made
