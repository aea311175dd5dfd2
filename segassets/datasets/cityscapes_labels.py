"""The classes of Cityscapes: ids of labelIds and instanceIds, names of the polygons."""

from __future__ import annotations

_NAMES = (
    "unlabeled,ego vehicle,rectification border,out of roi,static,dynamic,ground,road,sidewalk,parking,rail track,"
    "building,wall,fence,guard rail,bridge,tunnel,pole,polegroup,traffic light,traffic sign,vegetation,terrain,sky,"
    "person,rider,car,truck,bus,caravan,trailer,train,motorcycle,bicycle"
)
CLASSES = dict(enumerate(_NAMES.split(",")))
CLASS_IDS = {name: number for number, name in CLASSES.items()}
THINGS = frozenset(range(24, 34))  # classes whose objects are told apart
VOID = frozenset(range(4))  # not the world: unlabeled, the own car, borders
NOT_IN_PICTURES = "license plate"  # a polygon without a value of its own (-1)
GROUP = "group"  # "cargroup": cars nobody told apart
PER_CLASS = 1000  # class x 1000 + number is an instance; below it stands the class alone


def class_of_label(label: str) -> tuple[int, bool] | None:
    """The class of a polygon's label, and whether it is a group; None for an unknown one."""
    if label in CLASS_IDS:
        return CLASS_IDS[label], False
    single = label.removesuffix(GROUP)
    return (CLASS_IDS[single], True) if label != single and single in CLASS_IDS else None
