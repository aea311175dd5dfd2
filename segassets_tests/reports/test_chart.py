"""Charts of trainings and the page of experiments: well-formed, round ticks, nothing left out silently."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import pyarrow as pa
import pytest

from segassets.reports.chart import bars, chart, log_ticks, ticks
from segassets.reports.experiment_tables import ExperimentEntry
from segassets.reports.experiments import write_experiments_report
from segassets.reports.learning import curve_plots


@pytest.mark.parametrize(
    ("low", "high", "about", "found"),
    [
        (0, 60, 6, [0, 10, 20, 30, 40, 50, 60]),
        (0.2, 0.8, 6, [0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]),
        (3.2, 18.7, 4, [0, 5, 10, 15, 20]),
        (5, 5, 5, [5, 6, 7, 8, 9, 10]),
    ],
)
def test_ticks_are_round_and_enclose(low, high, about, found):
    assert ticks(low, high, about) == pytest.approx(found)


@pytest.mark.parametrize(("low", "high"), [(0.003, 40), (1, 1), (1e-6, 2e-6), (99, 101)])
def test_logarithmic_ticks_enclose(low, high):
    found = log_ticks(low, high)
    assert found[0] <= low and found[-1] >= high and found == sorted(found)


def lines_of(svg: str) -> list[str]:
    """Titles of the lines of a plot."""
    root = ET.fromstring(svg)
    return [title.text for path in root.iter() if path.tag.endswith("path") for title in path]


def test_a_chart_names_its_lines_and_keeps_a_long_curve_short():
    steps = list(range(5000))
    svg = chart(
        {"a<b": (steps, [1 / (1 + step) for step in steps]), "nan": ([1, 2], [float("nan")] * 2)},
        label="loss",
        across="step",
    )
    assert lines_of(svg) == ["a<b"] and len(svg) < 8000


def test_a_chart_without_points_says_so():
    assert "nothing to draw" in chart({"a": ([], [])}, label="loss", across="step")


def test_curves_of_a_training():
    rows = [
        {"step": step, "metric": name, "value": 1.0 / step}
        for step in (1, 2)
        for name in ("train/loss", "lr")
    ]
    plots = curve_plots(pa.Table.from_pylist(rows))
    assert set(plots) == {"loss_curve"} and lines_of(plots["loss_curve"]) == ["train/loss"]


def test_bars_carry_their_marks():
    svg = bars([("an experiment of a name that is much too long for it", 0.5, {"start": 0.25})], label="IoU")
    titles = [item.text for item in ET.fromstring(svg).iter() if item.tag.endswith("title")]
    assert titles == ["an experiment of a name that is much too long for it: 0.500", "start: 0.250"]


def test_a_page_of_experiments(tmp_path):
    entries = [
        ExperimentEntry("worse", "", {"data": "rooms"}, {"iou": 0.4, "iou_start": 0.3}, on="x"),
        ExperimentEntry("better", "The <better> one.", {"data": "a|b"}, {"iou": 0.6}, stale="old"),
        ExperimentEntry("unjudged", "", {"data": "rooms"}, {"train_loss": 1.0}),
    ]
    told = write_experiments_report(entries, tmp_path, about="worse")
    assert told == {"experiments": 3, "rank": 2}
    html, markdown = (tmp_path / "report.html").read_text(), (tmp_path / "report.md").read_text()
    assert html.index(">better<") < html.index(">worse<", html.index("<table>")) < html.index(">unjudged<")
    assert "0.600" in html and "</html>" in html and "(old)" in html
    assert "a\\|b" in markdown and (tmp_path / "quality.svg").is_file()
    rows = json.loads((tmp_path / "experiments.json").read_text())
    assert [row["name"] for row in rows] == ["better", "worse", "unjudged"] and rows[0]["iou"] == 0.6


def test_segmenters_stand_in_columns_of_their_own(tmp_path):
    entries = [
        ExperimentEntry(
            "tubes", "", {"data": "rooms"}, {"ap": 0.1, "ap50": 0.3, "ap50_start": 0.2, "ar10": 0.15}
        ),
        ExperimentEntry("weak", "", {"data": "rooms"}, {"ap50": 0.05}),
    ]
    told = write_experiments_report(entries, tmp_path, about="tubes")
    text = (tmp_path / "report.md").read_text()
    assert told["rank"] == 1 and "| AP50 | AP50 of its start | AR10 |" in text and "IoU" not in text
    assert text.index("| tubes |") < text.index("| weak |")
    assert (tmp_path / "tubes.svg").is_file() and not (tmp_path / "quality.svg").exists()
    both = [*entries, ExperimentEntry("follows", "", {"data": "rooms"}, {"iou": 0.5})]
    write_experiments_report(both, tmp_path)
    assert "| IoU | AP | AP50 |" in (tmp_path / "report.md").read_text()


def test_the_page_of_a_segmenter_lays_it_beside_its_start_and_its_tubes(tmp_path):
    found = {"dataset": "rooms", "scenes": 1, "objects": 11, "ap": 0.1, "ap50": 0.3, "recall50": None}
    judged = [{"judged": what, **found} for what in ("trained", "start", "pseudo_tubes")]
    entry = ExperimentEntry(
        "tubes", "", {"data": "rooms"}, {"ap50": 0.3}, judged=judged, finds_instances=True
    )
    write_experiments_report([entry], tmp_path, about="tubes")
    for page in ("report.html", "report.md"):
        text = (tmp_path / page).read_text()
        for words in (
            "this network",
            "the network it started from",
            "pseudo_tubes it learned from",
            "11 objects, 1 scene",
        ):
            assert words in text, (page, words)
    write_experiments_report([entry], tmp_path)
    assert "this network" not in (tmp_path / "report.html").read_text()  # a comparison is about none of them
