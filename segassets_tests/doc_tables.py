"""Tables of the docs that follow from the code; `python -m segassets_tests.doc_tables` rewrites them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pyarrow as pa

from segassets.config.listing import markdown as settings_table
from segassets.config.settings import Settings
from segassets.datasets.layouts import LAYOUTS, layout_class
from segassets.evaluation.items import ITEMS
from segassets.exports.registry import FORMATS
from segassets.learning import curves
from segassets.learning.clip_config import ClipData
from segassets.learning.experiment import Experiment
from segassets.masks import schemas

DOCS = Path(__file__).parent.parent / "docs"
FORMATS_PAGE = DOCS / "formats.md"
CONFIGURATION_PAGE = DOCS / "configuration.md"
TRAINING_PAGE = DOCS / "training.md"
PAGES = (FORMATS_PAGE, CONFIGURATION_PAGE, TRAINING_PAGE)
CONFIGURATIONS = {"run": Settings, "experiment": Experiment, "clips": ClipData}
SCHEMAS = {name: value for name, value in vars(schemas).items() if isinstance(value, pa.Schema)} | {
    "ITEMS": ITEMS,
    "CURVES": curves.SCHEMA,
}
_BLOCK = re.compile(r"(<!-- (schema|options|settings): (\w+) -->\n).*?(<!-- end -->)", re.S)


def schema_table(schema: pa.Schema) -> str:
    """Rows `| name | type | meaning |`."""
    rows = ["| column | type | meaning |", "|---|---|---|"]
    for field in schema:
        kind = str(field.type).replace("fixed_size_list<item: float>[4]", "4 x float")
        kind = re.sub(r"list<item: (\w+)>", r"list of \1", kind)
        null = ", or null" if field.nullable else ""
        rows.append(f"| `{field.name}` | {kind}{null} | {_cell((field.metadata or {})[b'doc'].decode())} |")
    return "\n".join(rows) + "\n"


def options_table(model: type[Any]) -> str:
    """Rows `| name | default | meaning |` of a configuration section."""
    rows = ["| option | default | meaning |", "|---|---|---|"]
    for name, field in model.model_fields.items():
        default = field.get_default(call_default_factory=True)
        shown = "needed" if field.is_required() else _default(default)
        rows.append(f"| `{name}` | {shown} | {_cell(field.description or '')} |")
    return "\n".join(rows) + "\n" if len(rows) > 2 else "No options.\n"


def _default(value: Any) -> str:
    if value in (None, "", []):
        return "empty"
    return f"`{value}`" if isinstance(value, str | int | float | list) else "its own"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def expected(kind: str, name: str) -> str:
    """The text a marked block of the page should hold."""
    if kind == "settings":
        return settings_table(CONFIGURATIONS[name]) + "\n"
    if kind == "schema":
        return schema_table(SCHEMAS[name])
    model = (
        FORMATS[name].options if name in FORMATS else layout_class(name.removeprefix("layout_")).options_type
    )
    return options_table(model)


def wanted_blocks() -> set[tuple[str, str]]:
    """Every block the page must have."""
    tables = {("schema", name) for name in SCHEMAS}
    layouts = {("options", f"layout_{name}") for name in LAYOUTS}
    return tables | layouts | {("options", name) for name in FORMATS}


def rewritten(page: str) -> str:
    """The page with every marked block as it should be."""
    return _BLOCK.sub(lambda found: found[1] + expected(found[2], found[3]) + found[4], page)


def blocks(page: str) -> set[tuple[str, str]]:
    """The blocks the page has."""
    return {(found[2], found[3]) for found in _BLOCK.finditer(page)}


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(rewritten(page.read_text("utf-8")), "utf-8")
