"""Two tags side by side."""

from __future__ import annotations

from pathlib import Path

import pytest

from segassets.errors import BadInput, MissingInput
from segassets.reports.compare import write_tag_comparison
from segassets.reports.config import TagComparisonConfig
from segassets.storage.store import ArtifactStore
from segassets_tests.made_scene import SCENE, make_store

SMALL = TagComparisonConfig(max_width=240, frames=3)


def test_two_tags(tmp_path: Path) -> None:
    first, second = (make_store(tmp_path, tag) for tag in ("main", "boxes"))
    figures = {"main": {SCENE: {"tracks": 3, "j": 0.5}}, "boxes": {SCENE: {"tracks": 4, "j": None}}}
    record = write_tag_comparison(first, second, [SCENE], tmp_path / "out", SMALL, figures)
    assert record["scenes"][SCENE] == {"agreement": 1.0, "matched": 3, "only_first": 0, "only_second": 0}
    html = (tmp_path / "out" / "compare.html").read_text()
    assert record["html_bytes"] == len(html.encode())
    assert "mask_candidates: tag_seen" in html  # the setting of the made scene that differs
    assert "+1 (+33%)" in html
    assert html.count("data:image/webp") == 6
    assert "http" not in html


def test_one_tag_twice_and_missing_scenes(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    with pytest.raises(BadInput, match="'main' twice"):
        write_tag_comparison(store, store, [SCENE], tmp_path / "out")
    with pytest.raises(MissingInput, match="frames of scene"):
        write_tag_comparison(store, ArtifactStore(tmp_path / "artifacts", "b"), [SCENE], tmp_path / "out")
