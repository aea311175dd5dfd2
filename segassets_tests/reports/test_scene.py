"""The scene report: complete, self-contained, escaped, and there for scenes of any poverty."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from markdown_it import MarkdownIt

import segassets
from segassets.datasets.frames import FrameSource
from segassets.errors import BadInput, MissingInput
from segassets.masks.schemas import FRAMES, MASKS, TRACKS
from segassets.masks.table import empty_masks, read_table, write_table
from segassets.reports.comparison import write_comparison
from segassets.reports.config import ComparisonConfig, ReportConfig
from segassets.reports.data import ASSETS, SceneTables
from segassets.reports.pictures import data_uris
from segassets.reports.scene import ReportInputs, write_scene_report
from segassets.reports.space_view import space_section
from segassets.storage.store import ArtifactStore
from segassets_tests.lifted_scene import LIFTED, make_lifted_store
from segassets_tests.made_scene import SCENE, make_store

SMALL = ReportConfig(contact_sheet_frames=3, max_width=360)
VOID = {"meta", "img", "input", "br", "path", "line", "rect", "circle", "link"}


class Page(HTMLParser):
    """Checks that tags nest, and collects ids, links, sources and text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: set[str] = set()
        self.sources: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list) -> None:
        values = dict(attrs)
        self.ids |= {values["id"]} if "id" in values else set()
        self.sources += [values["src"]] if "src" in values else []
        self.links += [values["href"]] if "href" in values else []
        assert not any(name.startswith("on") for name in values)
        if tag not in VOID or (tag == "path" and not self.get_starttag_text().endswith("/>")):
            if not self.get_starttag_text().endswith("/>"):
                self.open.append(tag)
        elif tag in ("rect", "line", "circle") and not self.get_starttag_text().endswith("/>"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def inputs(store: ArtifactStore, *left_out: str) -> ReportInputs:
    folders = {
        asset: store.peek(asset, SCENE).path
        for asset in ASSETS
        if store.has(asset, SCENE) and asset not in left_out
    }
    scene = segassets.open(store.root, allow_stale=True).scene(SCENE)
    return ReportInputs(SCENE, scene.pictures(), folders)


def replace_table(store: ArtifactStore, asset: str, table: pa.Table, name: str = "masks.parquet") -> None:
    schema = TRACKS if name == "tracks.parquet" else MASKS
    write_table(table, schema, store.peek(asset, SCENE).path / name)


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return make_store(tmp_path)


def report(given: ReportInputs, out: Path, config: ReportConfig = SMALL) -> tuple[dict, Page, str]:
    out.mkdir()
    figures = write_scene_report(given, out, config)
    return figures, Page((out / "report.html").read_text()), (out / "report.md").read_text()


def test_everything_is_there(store: ArtifactStore, tmp_path: Path) -> None:
    given = inputs(store)
    tables = SceneTables(SCENE, given.folders)
    sheets = tmp_path / "track_comparison"
    sheets.mkdir()
    write_comparison(
        given.source,
        scene=SCENE,
        frames=tables.frames,
        tracks=tables.tracks,
        truth=tables.truth,
        out_dir=sheets,
        config=ComparisonConfig(max_frames=4),
    )
    given.folders["track_comparison"] = sheets
    figures, page, markdown = report(given, tmp_path / "out")
    assert figures["tracks"] == 3 and figures["frames"] == 5
    assert figures["html_bytes"] == (tmp_path / "out" / "report.html").stat().st_size
    assert figures["j"] == pytest.approx((1 + 2 / 3) / 2)
    assert figures["object_recall"] == 1.0
    sections = {
        "tracks",
        "timeline",
        "plots",
        "truth",
        "table",
        "candidates",
        "comparison",
        "costs",
        "origin",
    }
    assert sections <= page.ids
    assert {link.removeprefix("#") for link in page.links} <= page.ids
    assert all(source.startswith("data:image/webp;base64,") for source in page.sources)
    assert "http" not in re.sub(r'xmlns="[^"]*"', "", (tmp_path / "out" / "report.html").read_text())
    said = ("frame 0", "frame 2", "frame 4", "left the view", "small area", "nano", "ab" * 6, "300 MB")
    for words in (*said, "3 candidates founded a track"):
        assert words in page.text
    for words in ("## Timeline", "| 3 | 2 (whole) | 0–1 | 2 |", "keyframe_stride"):
        assert words in markdown


def test_markdown_shows_its_own_pictures(store: ArtifactStore, tmp_path: Path) -> None:
    _, _, markdown = report(inputs(store), tmp_path / "out")
    html = MarkdownIt("commonmark").enable("table").render(markdown)
    names = set(re.findall(r'<img src="([^"]+)"', html))
    assert {f"pictures/{path.name}" for path in (tmp_path / "out" / "pictures").iterdir()} == names
    assert html.count("<table>") == 10
    assert "<p>|" not in html
    for path in (tmp_path / "out" / "pictures").glob("*.svg"):
        assert ElementTree.parse(path).getroot().tag == "{http://www.w3.org/2000/svg}svg"


def test_the_same_inputs_give_the_same_page(store: ArtifactStore, tmp_path: Path) -> None:
    for name in ("a", "b"):
        report(inputs(store), tmp_path / name)
    assert (tmp_path / "a/report.html").read_bytes() == (tmp_path / "b/report.html").read_bytes()


def test_names_from_footage_are_escaped(store: ArtifactStore, tmp_path: Path) -> None:
    path = store.peek("frames", SCENE).path / "scene.json"
    facts = json.loads(path.read_text())
    facts["categories"] = {"0": "<script>alert(1)</script>|x", "3": "a & b"}
    path.write_text(json.dumps(facts))
    _, page, markdown = report(inputs(store), tmp_path / "out")
    html = (tmp_path / "out" / "report.html").read_text()
    assert "<script" not in html and "<script" not in markdown
    assert "<script>alert(1)</script>|x" in page.text
    assert "\\|x" in markdown


@pytest.mark.parametrize(
    "left_out",
    [
        ("coco_masks",),
        ("mask_candidates",),
        ("mask_candidates", "filtered_masks"),
        ("coco_masks", "mask_candidates", "filtered_masks"),
    ],
)
def test_assets_that_are_not_there(store: ArtifactStore, tmp_path: Path, left_out: tuple[str, ...]) -> None:
    _, page, _ = report(inputs(store, *left_out), tmp_path / "out")
    assert ("truth" in page.ids) == ("coco_masks" not in left_out)
    assert ("candidates" in page.ids) == ("mask_candidates" not in left_out)


def test_a_scene_without_any_mask(store: ArtifactStore, tmp_path: Path) -> None:
    for asset in ("coco_masks", "mask_candidates", "filtered_masks", "sam2_tracks"):
        replace_table(store, asset, empty_masks())
    replace_table(store, "sam2_tracks", TRACKS.empty_table(), "tracks.parquet")
    figures, page, markdown = report(inputs(store), tmp_path / "out")
    assert figures["tracks"] == 0 and "j" not in figures
    assert "0 masks were proposed on 3 keyframes" in page.text
    assert "plots" not in page.ids and "table" not in page.ids
    assert "No mask was tracked" in page.text and "No mask was tracked" in markdown


def test_a_single_frame(store: ArtifactStore, tmp_path: Path) -> None:
    given = inputs(store)
    tables = SceneTables(SCENE, given.folders)
    frames = tables.frames.slice(0, 1)
    for asset in ("coco_masks", "mask_candidates", "filtered_masks", "sam2_tracks"):
        path = given.folders[asset] / "masks.parquet"
        table = read_table(path, MASKS)
        replace_table(store, asset, table.filter(pc.equal(table.column("frame"), 0)))
    write_table(frames, FRAMES, given.folders["frames"] / "frames.parquet")
    given = ReportInputs(SCENE, FrameSource(frames, tables.facts["root"]), given.folders)
    figures, page, _ = report(given, tmp_path / "out")
    assert figures["frames"] == 1 and "1 frame ·" in page.text


def test_only_the_largest_tracks_are_listed(store: ArtifactStore, tmp_path: Path) -> None:
    config = ReportConfig(contact_sheet_frames=3, max_width=360, max_tracks=1)
    _, page, markdown = report(inputs(store), tmp_path / "out", config)
    assert "2 smaller ones are not shown" in page.text
    assert "2 smaller tracks are not shown" in markdown
    assert "track 3:" not in page.text


def test_pictures_fit_into_their_budget() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (150, 200, 3), dtype=np.uint8)
    pictures = {str(at): noise for at in range(4)}
    sizes = [sum(map(len, data_uris(pictures, budget).values())) for budget in (10**9, 100_000, 30_000)]
    assert sizes[0] > sizes[1] > sizes[2] and sizes[1] <= 100_000 and sizes[2] <= 30_000


def test_what_a_report_needs(store: ArtifactStore, tmp_path: Path) -> None:
    with pytest.raises(MissingInput, match="needs sam2_tracks"):
        write_scene_report(inputs(store, "sam2_tracks"), tmp_path, SMALL)
    (store.peek("sam2_tracks", SCENE).path / "run.json").write_text("[1]")
    with pytest.raises(BadInput, match=r"run\.json: expected a JSON object, found list"):
        write_scene_report(inputs(store), tmp_path / "out", SMALL)


@pytest.mark.parametrize("posed", [True, False])
def test_a_lifted_scene_is_shown_in_space(tmp_path: Path, posed: bool) -> None:
    store = make_lifted_store(tmp_path, posed)
    folders = {asset: store.peek(asset, LIFTED).path for asset in ASSETS if store.has(asset, LIFTED)}
    section = space_section(folders, 360)
    assert section is not None and len(section.pictures) == (6 if posed else 7)
    assert {item["name"] for item in section.view["pictures"]} == set(section.pictures)
    labels = [tile["label"] for tile in section.view["tiles"]]
    assert ("PSNR of the held-out view" in labels) == posed == ("one world" in section.view["note"])
    toy = make_store(tmp_path / "toy")
    given = inputs(toy)
    given.folders.update({name: folders[name] for name in ("depth_maps", "depth_lifts", "novel_views")})
    write_scene_report(given, tmp_path / "report", SMALL)
    page = Page((tmp_path / "report" / "report.html").read_text("utf-8"))
    assert "space" in page.ids and "#space" in page.links
    markdown = (tmp_path / "report" / "report.md").read_text("utf-8")
    shown = re.findall(r"pictures/space\S*?\.jpg", markdown)
    assert len(shown) == len(section.pictures) and all(
        (tmp_path / "report" / file).is_file() for file in shown
    )


def test_a_scene_that_gave_no_points_says_why(tmp_path: Path) -> None:
    store = make_lifted_store(tmp_path)
    folders = {asset: store.peek(asset, LIFTED).path for asset in ASSETS if store.has(asset, LIFTED)}
    for asset, name, values in (
        ("depth_lifts", "lift.json", {"points": 0}),
        (
            "novel_views",
            "views.json",
            {"views": [], "reason": "no points to see: relative depth 5", "psnr_held_out": None},
        ),
    ):
        path = folders[asset] / name
        path.write_text(json.dumps(json.loads(path.read_text()) | values))
    section = space_section(folders, 360)
    assert (
        section is not None
        and "Nothing was lifted: no points to see: relative depth 5" in section.view["note"]
    )
