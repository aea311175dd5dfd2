"""`python -m benchmarks [name ...]`: run the measurements, print a table, write benchmarks/results.json."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

from benchmarks.measure import Figure

RESULTS = Path(__file__).parent / "results.json"
# figure -> the module whose `run(names)` measures it
MEASURED_BY = {
    "coco_masks_time": "coco",
    "coco_masks_bytes": "coco",
    "coco_masks_limit": "coco",
    "export_records_time": "export_records",
    "export_records_bytes": "export_records",
    "tracks_1": "tracks",
    "tracks_4": "tracks",
    "tracks_16": "tracks",
    "tracks_memory": "memory",
    "mask_windows": "mask_windows",
    "definitions_load": "graph",
    "step_overhead": "graph",
    "backfill_1000": "graph",
    "demo_run": "demo",
    "threshold_search": "threshold_search",
    "clip_loading": "clip_loading",
    "vis_ap": "vis_ap",
    "maskcut_eigen": "maskcut",
    "seqformer_memory": "seqformer_memory",
    "png_conversion": "png_conversion",
    "lift": "lift",
    "fusion_linear": "fusion_linear",
    "embed_batch": "embed_batch",
    "loader_share": "loader_share",
}


def main(names: list[str]) -> int:
    """Measure the figures asked for (all when none is named); 1 when a goal is missed."""
    unknown = [name for name in names if name not in MEASURED_BY]
    if unknown:
        print(f"no such measurement: {', '.join(unknown)}; known: {', '.join(MEASURED_BY)}", file=sys.stderr)
        return 2
    wanted = names or list(MEASURED_BY)
    figures: list[Figure] = []
    for module in dict.fromkeys(MEASURED_BY[name] for name in wanted):
        print(f"measuring {module} ...", file=sys.stderr, flush=True)
        run = importlib.import_module(f"benchmarks.{module}").run
        figures += run([name for name in wanted if MEASURED_BY[name] == module])
        store(figures)
    print(table(figures))
    return 0 if all(figure.holds for figure in figures) else 1


def store(figures: list[Figure]) -> None:
    """Merge the figures into results.json."""
    known = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    known |= {figure.name: figure.to_dict() for figure in figures}
    RESULTS.write_text(json.dumps(known, indent=1) + "\n")


def table(figures: list[Figure]) -> str:
    """The figures as text, one a line."""
    rows = [("name", "value", "goal", "", "")]
    for figure in figures:
        bound = "<=" if figure.at_most else ">="
        verdict = "holds" if figure.holds else "MISSED"
        rows.append(
            (
                figure.name,
                f"{figure.value:.4g} {figure.unit}",
                f"{bound} {figure.goal:g}",
                verdict,
                figure.note,
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
