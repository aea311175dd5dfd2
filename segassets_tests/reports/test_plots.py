"""Plots: what is drawn, that it parses, and that long scenes do not make it long."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from segassets.reports import svg
from segassets.reports.figures import TrackFigures
from segassets.reports.timeline import timeline
from segassets.reports.track_view import largest, plots, tracker_counts

NS = "{http://www.w3.org/2000/svg}"


def track(
    track_id: int, frames: list[int], level: int = 2, score: float = 0.5, **values: object
) -> TrackFigures:
    numbers = np.array(frames)
    areas = np.full(len(frames), 0.01 * track_id)
    because = str(values.pop("because", "end_of_footage"))
    return TrackFigures(track_id, level, because, numbers, areas, np.full(len(frames), score), **values)


def parse(plot: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg.standalone(plot))


@pytest.mark.parametrize(
    ("frames", "runs"),
    [
        ([0], [(0, 0)]),  # one frame
        ([0, 1, 2], [(0, 2)]),
        ([0, 2, 3, 7], [(0, 0), (2, 3), (7, 7)]),
    ],
)
def test_runs(frames: list[int], runs: list[tuple[int, int]]) -> None:
    assert track(1, frames).runs == runs


def test_timeline_has_a_row_a_track() -> None:
    tracks = [
        track(1, [0, 1, 5], prompts=[0, 5]),
        track(2, [3], because="left_view"),
        track(3, [0, 1], level=4, because="unsupported"),
    ]
    root = parse(timeline(tracks, 6))
    assert len(root.findall(f"{NS}rect")) == 4
    marks = [item.get("class") for item in root.findall(f"{NS}circle")]
    assert marks.count("mark") == 2 and marks.count("end") == 1
    words = [item.text for item in root.findall(f"{NS}text")]
    assert "level 2 (whole)" in words and "level 4 (part)" in words


def test_plots_of_levels_and_scores() -> None:
    [whole, part] = plots([track(1, [0, 1]), track(2, [0], level=4, score=float("nan"))], 2)
    assert (whole["level"], part["level"]) == (2, 4)
    assert part["score"] is None
    assert len(parse(whole["area"]).findall(f"{NS}path")) == 1


def test_a_median_needs_three_tracks() -> None:
    [plot] = plots([track(number, [0, 1, 2]) for number in (1, 2, 4)], 3)
    middle = [item for item in parse(plot["area"]).findall(f"{NS}path") if item.get("class") == "middle"]
    assert len(middle) == 1


def test_lines_break_where_frames_are_missing() -> None:
    plot = svg.lines([("a", "#fff", [0, 1, 5], [1, 2, 3])], 6, label="x", ticks={0: "0", 3: "3"})
    [path] = re.findall(r'class="line"[^>]* d="([^"]+)"', plot)
    assert path.count("M") == 2


def test_thinned_points_are_means() -> None:
    assert svg.thinned([0, 1, 2, 3], [1.0, 3.0, float("nan"), 5.0], 2) == [(0.5, 2.0), (2.5, 5.0)]
    assert svg.thinned([0, 1], [1.0, float("nan")], 1) == [(0, 1.0)]
    assert svg.thinned([], [], 3) == []


def test_long_scenes_stay_small() -> None:
    flicker = [track(number, list(range(0, 20_000, 2))) for number in range(1, 4)]
    assert len(timeline(flicker, 20_000)) < 60_000
    assert all(len(plot["area"]) < 60_000 for plot in plots(flicker, 20_000))


def test_columns() -> None:
    groups = [(0, [("kept", "#0f0", 3), ("dropped", "#888", 1)]), (4, [("kept", "#0f0", 0)])]
    root = parse(svg.columns(groups, 5, label="x"))
    heights = [float(item.get("height")) for item in root.findall(f"{NS}rect")]
    assert heights[0] == pytest.approx(3 * heights[1], abs=0.2)
    assert parse(svg.columns([], 0, label="nothing")) is not None


def test_names_are_escaped() -> None:
    plot = svg.lines([("<b>&", "#fff", [0], [1])], 1, label='"x"', ticks={0: "0", 2: "2"})
    assert "&lt;b&gt;&amp;" in plot and "<b>" not in plot
    assert parse(plot).get("aria-label") == '"x"'


def test_largest_keeps_the_order() -> None:
    tracks = [track(1, [0]), track(3, [0, 1]), track(2, [0, 1, 2])]
    assert [item.track_id for item in largest(tracks, 2)] == [3, 2]
    assert largest([], 5) == []


def test_tracks_of_true_objects_are_always_shown() -> None:
    tracks = [track(1, [0], object_name="cat"), track(3, [0, 1]), track(2, [0, 1, 2])]
    assert [item.track_id for item in largest(tracks, 2)] == [1, 2]


def test_the_frame_that_founded_a_track_has_no_score() -> None:
    tracks = [track(number, [0, 1, 2, 3], prompts=[1, 3]) for number in (1, 2, 3)]
    (plot,) = plots(tracks, 4)
    root = parse(plot["score"])
    starts = [path.get("d").count("M") for path in root.iter(f"{NS}path")]
    assert starts == [2] * 4, "broken once, the median as well"
    assert [path.get("d").count("M") for path in parse(plot["area"]).iter(f"{NS}path")] == [1] * 4
    assert plots([track(1, [5], prompts=[5])], 6)[0]["score"] is None


@pytest.mark.parametrize(
    ("stats", "said"),
    [
        ({}, []),
        ({"founded": 3, "supported": 3, "over_limit": 0, "seconds": 1.5}, ["3 candidates founded a track"]),
        (
            {"founded": 1200, "supported": 1207, "relinked": 2, "over_limit": 4, "frames": 9},
            [
                "1,200 candidates founded a track",
                "5 candidates supported one",
                "2 candidates brought back a track that had left",
                "4 candidates beyond the limit of objects",
            ],
        ),
    ],
)
def test_candidates_are_told_of_once(stats: dict, said: list[str]) -> None:
    assert [f"{item['count']} {item['name']}" for item in tracker_counts(stats)] == said
