"""What the UI is shown: numbers, pictures of bounded size, provenance; never a secret."""

from __future__ import annotations

import base64

import dagster as dg
import numpy as np
import pytest

from segassets.masks.schemas import MASKS
from segassets.orchestration.metadata import (
    HIDDEN,
    PREVIEW_BYTES,
    column_schema,
    materialization_metadata,
    number,
    pictures,
    without_secrets,
)
from segassets.orchestration.work import Made
from segassets.storage.provenance import Provenance

RUN = {"seconds": 1.23456, "peak_cpu_bytes": 250_000_000, "peak_gpu_bytes": None}


def test_metadata_of_a_materialization():
    noise = np.random.default_rng(0).integers(0, 255, (300, 400, 3), dtype=np.uint8)
    provenance = Provenance(
        "frames", "a.b", inputs={"footage": "12"}, config={"frames": None, "token": "s3cret"}
    )
    made = Made(
        {"num_frames": 3, "mean_area": 2.5, "unknown": None}, noise, {"password": "x", "excluded": {}}
    )
    metadata = materialization_metadata(made, provenance, location="/out/a.b", stored_bytes=10, run=RUN)
    values = {name: entry.value for name, entry in metadata.items()}
    assert values["num_frames"] == 3 and values["mean_area"] == 2.5 and "unknown" not in values
    assert (values["seconds"], values["bytes"], values["peak_cpu_mb"]) == (1.235, 10, 250.0)
    assert "peak_gpu_mb" not in values
    assert values["location"] == "/out/a.b"
    assert values["provenance"]["inputs"] == {"footage": "12"} and values["provenance"]["version"]
    assert "s3cret" not in str(values) and values["details"] == {"password": HIDDEN, "excluded": {}}


def test_a_gpu_peak_and_a_url_are_shown_as_such():
    run = {**RUN, "peak_gpu_bytes": 2_000_000_000}
    metadata = materialization_metadata(
        Made({}), Provenance("frames", "a"), location="s3://bucket/a", stored_bytes=0, run=run
    )
    assert metadata["peak_gpu_mb"].value == 2000.0
    assert isinstance(metadata["location"], dg.UrlMetadataValue)
    assert "preview" not in metadata


@pytest.mark.parametrize(
    "shape",
    [
        (1, 1, 3),  # one pixel
        (48, 64, 3),
        (2000, 3000, 3),
        (30, 4000, 3),  # a strip
    ],
)
def test_pictures_stay_small_and_the_thumbnail_is_shown_inline(shape):
    noise = np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)
    found = pictures(noise, "title")
    assert found["preview"].value.startswith("![title](data:image/webp;base64,")
    assert len(found["preview"].value) < PREVIEW_BYTES + 50
    if "thumbnail" in found:
        assert len(found["thumbnail"].value) < 1000


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (3, dg.IntMetadataValue),
        (2.5, dg.FloatMetadataValue),
        (np.float32(2.5), dg.FloatMetadataValue),
        (float("nan"), dg.TextMetadataValue),  # the UI would show nothing
        (float("inf"), dg.TextMetadataValue),
    ],
)
def test_numbers_are_plotted_when_they_are_finite(value, kind):
    assert isinstance(number(value), kind)


def test_secrets_are_hidden_by_the_name_they_stand_behind():
    hidden = without_secrets(
        {
            "api_key": "a",
            "nested": [{"AWS_SECRET_ACCESS_KEY": "b"}],
            "external_env": {"HF_HOME": "c"},
            "token": "",
            "levels": [2],
        }
    )
    assert hidden == {
        "api_key": HIDDEN,
        "nested": [{"AWS_SECRET_ACCESS_KEY": HIDDEN}],
        "external_env": {"HF_HOME": HIDDEN},
        "token": "",
        "levels": [2],
    }


def test_columns_are_documented_from_the_schema():
    columns = column_schema(MASKS)["dagster/column_schema"].columns
    assert [column.name for column in columns] == MASKS.names
    assert all(column.description for column in columns)
    assert {column.name for column in columns if column.constraints.nullable} == {
        "score",
        "stability",
        "predicted_iou",
    }


def test_a_plot_is_shown_as_a_picture_inside_markdown():
    made = Made({}, plots={"loss_curve": "<svg/>"})
    shown = materialization_metadata(made, Provenance("x", "a.b"), location="/out", stored_bytes=1, run=RUN)
    encoded = base64.b64encode(b"<svg/>").decode()
    assert shown["loss_curve"].value == f"![loss_curve of a.b](data:image/svg+xml;base64,{encoded})"
