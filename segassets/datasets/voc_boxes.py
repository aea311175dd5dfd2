"""Boxes of Pascal VOC's XML files: 1-based and inclusive there, xywh from 0 and half-open here."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import asdict, dataclass
from typing import Any

from segassets.datasets.files import Root
from segassets.errors import BadInput

_ENTITIES = re.compile(rb"<!\s*(DOCTYPE|ENTITY)", re.I)


@dataclass(frozen=True)
class VocBox:
    """One object of a file.

    Attributes:
        number: its place in the file, from 1.
        bbox_xywh: pixels, half-open.
        difficult, truncated: as the file says.
    """

    number: int
    category: str
    bbox_xywh: tuple[float, float, float, float]
    difficult: bool
    truncated: bool

    def __str__(self) -> str:
        return f"object {self.number} ({self.category})"

    def to_dict(self) -> dict[str, Any]:
        """For a JSON record."""
        return asdict(self)


def boxes_of(root: Root, name: str) -> list[VocBox]:
    """The boxes of a file, in order.

    Raises:
        MissingInput: there is no such file.
        BadInput: no XML, a document type of its own, or an object without name or a box with an inside.
    """
    location = root.location(name)
    data = root.read(name)
    if _ENTITIES.search(data):
        raise BadInput(f"{location}: expected plain XML, found a document type or an entity; remove it")
    try:
        document = ElementTree.fromstring(data)
    except ElementTree.ParseError as error:
        raise BadInput(f"{location}: expected XML, found an error: {error}; is the file complete?") from error
    return [
        _box(item, number, f"{location}: object {number}")
        for number, item in enumerate(document.iter("object"), start=1)
    ]


def _box(item: ElementTree.Element, number: int, where: str) -> VocBox:
    name = (item.findtext("name") or "").strip()
    if not name:
        raise BadInput(f"{where}: expected a <name>, found none")
    corners = [item.findtext(f"bndbox/{part}") for part in ("xmin", "ymin", "xmax", "ymax")]
    try:
        left, top, right, bottom = (float(text or "") for text in corners)
    except ValueError:
        found = ", ".join(map(str, corners))
        raise BadInput(f"{where}: expected xmin, ymin, xmax, ymax in <bndbox>, found {found}") from None
    size = (right - left + 1, bottom - top + 1)
    if not all(map(math.isfinite, (left, top, *size))) or min(size) <= 0:
        raise BadInput(
            f"{where}: expected xmin <= xmax and ymin <= ymax, found {', '.join(map(str, corners))}"
        )
    flags = [(item.findtext(flag) or "0").strip() == "1" for flag in ("difficult", "truncated")]
    return VocBox(number, name, (left - 1, top - 1, *size), *flags)
