"""Label tables: which class a value or a colour of a label picture means. YAML files in configs/labels/.

A table belongs to an encoding, not to a dataset: releases that multiply their values differ in the table only.
"""

from __future__ import annotations

import fnmatch
import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from segassets.configs_dir import configs_dir
from segassets.errors import BadConfig, BadInput, did_you_mean
from segassets.strict import StrictModel, parse
from segassets.yaml_files import read_yaml

Gray = Annotated[int, Field(ge=0, le=65535)]
Byte = Annotated[int, Field(ge=0, le=255)]
Colour = tuple[Byte, Byte, Byte]
Value = Gray | Colour


class LabelClass(StrictModel):
    """One class of a table."""

    id: int = Field(ge=0, description="Category id in the mask tables; 0 is a category.")
    name: str = Field(min_length=1, description="Name of the class.")
    values: list[Value] = Field([], description="Values, or colours [r, g, b], that mean this class.")
    folders: list[str] = Field(
        [], description="Names of folders of its maps, where each object has a folder; * stands for anything."
    )


class LabelTable(StrictModel):
    """What the values of label pictures mean."""

    description: str = Field("", description="Of which release, and where the meaning is written.")
    classes: list[LabelClass] = Field(min_length=1, description="The classes, each becomes a category.")
    parts: list[LabelClass] = Field(
        [], description="Parts of objects, where each object has a folder of maps."
    )
    background: list[Value] = Field([], description="Values that mean: nothing here. Not counted.")
    ignored: dict[str, list[Value]] = Field(
        {}, description="Values to leave out, by the name they are counted under."
    )
    unknown: Literal["refuse", "count"] = Field(
        "refuse", description="Values that are not in the table: an error, or left out and counted."
    )

    @model_validator(mode="after")
    def _check(self) -> LabelTable:
        ids = [item.id for item in (*self.classes, *self.parts)]
        names = [item.name for item in (*self.classes, *self.parts)]
        mapped = [value for item in self.classes for value in item.values] + self.background
        mapped += [value for values in self.ignored.values() for value in values]
        of_parts = [value for item in self.parts for value in item.values]
        for what, found in (("id", ids), ("name", names), ("value", mapped), ("value of parts", of_parts)):
            twice = [item for item, count in Counter(found).items() if count > 1]
            if twice:
                raise ValueError(
                    f"expected every {what} once in a label table, {twice[0]!r} stands there twice"
                )
        if len({isinstance(value, tuple) for value in mapped + of_parts}) > 1:
            raise ValueError("expected values or colours [r, g, b] in a label table, found both")
        return self

    @property
    def in_colour(self) -> bool:
        """True when the pictures hold colours, not values."""
        return any(isinstance(value, tuple) for item in self.classes for value in item.values)

    def names(self, *, parts: bool = False) -> dict[int, str]:
        """Category id to name."""
        return {item.id: item.name for item in (*self.classes, *(self.parts if parts else ()))}

    def class_of_folder(self, folder: str, where: str) -> LabelClass | None:
        """The class whose maps a folder of this name holds; None where unknown ones are counted.

        Raises:
            BadInput: no class, or several, claim the name.
        """
        found = [
            item
            for item in self.classes
            if any(fnmatch.fnmatchcase(folder.lower(), pattern.lower()) for pattern in item.folders)
        ]
        if len(found) == 1 or (not found and self.unknown == "count"):
            return found[0] if found else None
        known = ", ".join(pattern for item in self.classes for pattern in item.folders) or "none"
        claimed = " and ".join(repr(item.name) for item in found) or "no class"
        raise BadInput(
            f"{where}: the folder name {folder!r} belongs to {claimed} of the label table (its folders: {known}); "
            "correct `folders` in the table"
        )


def packed(value: Value) -> int:
    """A colour as R << 16 | G << 8 | B; a value as it is."""
    return value if isinstance(value, int) else value[0] << 16 | value[1] << 8 | value[2]


def shown(number: int, in_colour: bool) -> str:
    """How messages write what `packed` made."""
    return f"colour {[number >> 16, number >> 8 & 255, number & 255]}" if in_colour else f"value {number}"


def list_label_tables() -> list[str]:
    """Names of the tables in configs/labels/, sorted."""
    return sorted(path.stem for path in (configs_dir() / "labels").glob("*.yaml"))


def load_label_table(name_or_path: str) -> LabelTable:
    """The table of a name in configs/labels/, or of a YAML file.

    Raises:
        BadConfig: no such table (suggests the nearest), or a wrong key or value.
        MissingInput: there is no such file.
    """
    path = Path(name_or_path).expanduser()
    if path.suffix not in (".yaml", ".yml"):
        path = configs_dir() / "labels" / f"{name_or_path}.yaml"
        known = list_label_tables()
        if name_or_path not in known:
            raise BadConfig(
                f"unknown label table {name_or_path!r} in {path.parent}.{did_you_mean(name_or_path, known)}"
            )
    return parse(LabelTable, read_yaml(path), str(path))


def table_of_json(data: bytes, where: str) -> LabelTable:
    """A table from EndoVis 2018's `labels.json`: a list of {name, color, classid}.

    Raises:
        BadInput: not such a list; names the entry.
    """
    try:
        entries = json.loads(data)
    except ValueError as error:
        raise BadInput(f"{where}: expected JSON, found an error: {error}; is the file complete?") from error
    classes = []
    for number, entry in enumerate(entries if isinstance(entries, list) else [entries]):
        if not isinstance(entry, dict) or not {"name", "color", "classid"} <= set(entry):
            raise BadInput(
                f"{where}: expected a list of {{name, color, classid}}, found {entry!r} at {number}"
            )
        classes.append({"id": entry["classid"], "name": entry["name"], "values": [entry["color"]]})
    return parse(LabelTable, {"classes": classes}, where)


def text_of(table: LabelTable) -> str:
    """All of the table that decides what annotations are read, as one text."""
    return json.dumps(table.model_dump(exclude={"description"}), sort_keys=True)


def all_values(items: Iterable[LabelClass]) -> list[int]:
    """The values of classes, colours packed."""
    return [packed(value) for item in items for value in item.values]
