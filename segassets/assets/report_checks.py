"""Blocking checks of what a person looks at: comparison sheets and the report."""

from __future__ import annotations

import json

from segassets.assets.mask_checks import coverage_check
from segassets.errors import BadInput
from segassets.orchestration.checks import Figures
from segassets.orchestration.work import SceneWork


def _comparison_coverage(work: SceneWork) -> Figures:
    index = json.loads((work.out / "index.json").read_text())
    missing = [image["file"] for image in index["images"] if not (work.out / image["file"]).is_file()]
    if missing:
        raise BadInput(f"expected every picture of the index, missing: {missing[:5]}")
    return {"pictures": len(index["images"])}


COMPARISON_CHECKS = (coverage_check(_comparison_coverage, "Every picture named in index.json is there."),)


def _report_coverage(work: SceneWork) -> Figures:
    page = work.out / "report.html"
    text = page.read_text("utf-8") if page.is_file() else ""
    if "</html>" not in text or not (work.out / "report.md").is_file():
        raise BadInput("expected report.html, whole, and report.md")
    if 'src="http' in text or 'href="http' in text.split("<body", 1)[0]:
        raise BadInput("expected a self-contained page, found links to other places in report.html")
    return {"html_bytes": len(text)}


REPORT_CHECKS = (
    coverage_check(
        _report_coverage, "The HTML page is whole and needs nothing beside it; the Markdown is there."
    ),
)
