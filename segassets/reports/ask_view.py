"""The section of a scene report on 3D instances and questions about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from segassets.datasets.frames import FrameSource
from segassets.lifting.answer_pictures import answer_sheet
from segassets.lifting.ask import AskedScene
from segassets.lifting.instance_pictures import instances_from_above, instances_on_frame
from segassets.lifting.query_config import QueryConfig
from segassets.media.draw import contact_sheet
from segassets.reports.words import several

_MOST_INSTANCES = 40
_SIDE_PX = 420


@dataclass(frozen=True)
class AskSection:
    """What templates print, and the pictures they name."""

    view: dict[str, Any]
    pictures: dict[str, np.ndarray] = field(default_factory=dict)


def ask_section(
    asked: AskedScene, source: FrameSource, categories: Mapping[int, str], config: QueryConfig
) -> AskSection:
    """Instances of a scene and the answers to some questions about it."""
    stored = asked.stored
    pictures: dict[str, np.ndarray] = {}
    if stored.rows:
        frame, drawn = instances_on_frame(source, stored, asked.masks)
        above = instances_from_above(stored, _SIDE_PX)
        parts = [drawn] if above is None else [drawn, above]
        labels = [f"frame {frame}", "from above"][: len(parts)]
        pictures["instances"] = contact_sheet(parts, columns=2, labels=labels, cell_px=_SIDE_PX)
    answers = []
    chosen = config.questions if config.questions is not None else example_questions(asked, categories)
    for number, text in enumerate(chosen if stored.rows else []):
        answer = asked.ask(text, config)
        sheet = answer_sheet(answer, source, stored, asked.masks)
        if sheet is not None:
            pictures[f"answer-{number}"] = sheet
        own_notes = [note for note in answer.notes if note not in stored.facts["notes"]]
        rows = [_answer_row(record) for record in answer.records()]
        answers.append({"question": text, "rows": rows, "notes": own_notes, "picture": f"answer-{number}"})
    ranked = sorted(stored.rows, key=lambda row: -row["confidence"])
    facts = stored.facts
    view = {
        "summary": _summary(facts),
        "notes": facts["notes"],
        "picture": "instances" if stored.rows else None,
        "answers": answers,
        "rows": [_instance_row(row, categories) for row in ranked[:_MOST_INSTANCES]],
        "hidden": max(0, len(ranked) - _MOST_INSTANCES),
    }
    return AskSection(view, pictures)


def example_questions(asked: AskedScene, categories: Mapping[int, str]) -> list[str]:
    """Some questions: about sizes and places, and about the category that some instance looks most like."""
    found = ["the largest thing", "the smallest thing near the largest thing"]
    names = sorted(set(categories.values()))
    vectors = asked.stored.embeddings
    if asked.embedder is None or vectors is None or not names:
        return found
    likeness = asked.embedder.embed_texts(names) @ vectors.T
    best = names[int(likeness.max(axis=1).argmax())]
    return [f"the {best}", f"the thing nearest to the {best}", *found] if best else found


def _summary(facts: Mapping[str, Any]) -> str:
    left_out = sum(map(len, facts["excluded_tracks"].values()))
    parts = [several(facts["instances"], "instance")]
    if facts["pieces_merged"]:
        parts.append(f"{several(facts['pieces_merged'], 'piece')} of tracks merged into others")
    if facts["tracks_split"]:
        parts.append(f"{several(facts['tracks_split'], 'piece')} split off")
    if left_out:
        reasons = ", ".join(name.replace("_", " ") for name in facts["excluded_tracks"])
        parts.append(f"{several(left_out, 'track')} left out ({reasons})")
    return "; ".join(parts) + "."


def _answer_row(record: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "rank": record["rank"],
        "instance": record["instance_id"],
        "score": f"{record['score']:.2f}",
        "relevancy": "" if record["relevancy"] is None else f"{record['relevancy']:.2f}",
        "where": _numbers(record["center"], ", "),
        "size": _numbers(record["size"], " × "),
        "frame": record["best_frame"],
        "parts": ", ".join(
            f"{name.replace('_', ' ')} {value:.2f}" for name, value in record["parts"].items()
        ),
    }


def _instance_row(row: Mapping[str, Any], categories: Mapping[int, str]) -> dict[str, Any]:
    return {
        "instance": row["instance_id"],
        "category": categories.get(row["category_id"], ""),
        "tracks": ", ".join(map(str, row["track_ids"])),
        "where": _numbers(row["obb_center"], ", "),
        "size": _numbers(row["obb_size"], " × "),
        "points": f"{row['points']:,}",
        "views": len(row["views"]),
        "confidence": f"{row['confidence']:.2f}",
    }


def _numbers(values: list[float] | None, between: str) -> str:
    return "" if values is None else between.join(f"{value:.2f}" for value in values)
