"""Names of the classes of Pascal VOC, and files of class names: one a line, class 0 the background."""

from __future__ import annotations

from segassets.datasets.files import Root
from segassets.errors import BadInput

_VOC = (
    "aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse motorbike person pottedplant "
    "sheep sofa train tvmonitor"
)
VOC_CLASSES = dict(enumerate(_VOC.split(), start=1))
_IGNORE = "__ignore__"  # labelme's line for what is not labelled: class -1


def named_classes(root: Root, name: str) -> dict[int, str]:
    """Class id to name of a file of names, the background (class 0) left out.

    Raises:
        MissingInput: there is no such file.
        BadInput: no names beside the background, or one that stands twice.
    """
    lines = [line.strip() for line in root.read(name).decode("utf-8", "replace").splitlines()]
    names = [line for line in lines if line and line != _IGNORE]
    twice = [line for line in names if names.count(line) > 1]
    if len(names) < 2 or twice:
        found = f"{twice[0]!r} twice" if twice else f"{len(names)} names"
        raise BadInput(
            f"{root.location(name)}: expected the background and then a name a line, each once, found {found}"
        )
    return dict(enumerate(names[1:], start=1))
