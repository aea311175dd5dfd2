"""A small deployment as the environment of the test's own process."""

from __future__ import annotations

import pytest

from segassets_tests.deployment import Deployment, make_deployment


@pytest.fixture
def deployment(tmp_path, monkeypatch) -> Deployment:
    """Three scenes of two annotated pictures; configs and output root are set in the environment."""
    made = make_deployment(tmp_path / "deployment", scenes=3)
    monkeypatch.setenv("SEGASSETS_CONFIGS", made.environ["SEGASSETS_CONFIGS"])
    monkeypatch.setenv("SEGASSETS_OUTPUT_ROOT", made.environ["SEGASSETS_OUTPUT_ROOT"])
    monkeypatch.delenv("SEGASSETS_TAGS", raising=False)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    return made
