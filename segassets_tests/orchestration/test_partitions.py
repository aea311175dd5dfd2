"""Scene keys: registered in batches, validated, idempotent; what is said about an unknown one."""

from __future__ import annotations

import dagster as dg
import pytest

from segassets.errors import BadConfig, MissingInput
from segassets.orchestration.partitions import SCENE, register_scenes, registered_scenes, scenes


def test_registering_in_batches_twice_and_with_repeats_adds_each_key_once():
    written: list[tuple[int, int]] = []
    with dg.DagsterInstance.ephemeral() as instance:
        keys = [f"many.scene_{number:04d}" for number in range(25)]
        done = register_scenes(instance, [*keys, keys[0]], batch=10, progress=lambda *at: written.append(at))
        assert done.added == keys and done.already == 0
        assert written == [(10, 25), (20, 25), (25, 25)]
        again = register_scenes(instance, [*keys, "other"])
        assert again.added == ["other"] and again.already == 25
        assert registered_scenes(instance) == [*keys, "other"]
        assert register_scenes(instance, []).added == []


@pytest.mark.parametrize(
    "key", ["", ".", "..", "a/b", "a..b", "a,b", "-a", "a b", "../x", "a\n", "日本", "x" * 101]
)
def test_a_key_that_may_not_name_a_partition_stops_the_whole_registration(key):
    with dg.DagsterInstance.ephemeral() as instance:
        with pytest.raises(BadConfig, match="scene key"):
            register_scenes(instance, ["good", key])
        assert registered_scenes(instance) == []


@pytest.mark.parametrize("key", ["a", "davis.blackswan", "A-1_b.c", "x" * 100])
def test_keys_of_every_allowed_form_are_registered(key):
    with dg.DagsterInstance.ephemeral() as instance:
        assert register_scenes(instance, [key]).added == [key]


@dg.asset(partitions_def=scenes)
def anything() -> None: ...


def materialize_unknown(monkeypatch, home: str | None) -> str:
    if home is None:
        monkeypatch.delenv("DAGSTER_HOME", raising=False)
    else:
        monkeypatch.setenv("DAGSTER_HOME", home)
    with dg.DagsterInstance.ephemeral() as instance:
        register_scenes(instance, ["davis.bear"])
        with pytest.raises(MissingInput) as caught:
            dg.materialize([anything], instance=instance, partition_key="davis.beer")
    return str(caught.value)


def test_an_unknown_scene_is_refused_with_the_nearest_one_and_the_command(monkeypatch):
    message = materialize_unknown(monkeypatch, "/somewhere")
    assert "Did you mean 'davis.bear'?" in message and "segassets scenes sync" in message
    assert "DAGSTER_HOME=/somewhere" in message


def test_without_a_dagster_home_the_refusal_names_the_export(monkeypatch):
    message = materialize_unknown(monkeypatch, None)
    assert "export DAGSTER_HOME=" in message and "segassets scenes sync" in message


def test_the_partition_is_known_to_dagster_by_its_name():
    assert scenes.name == SCENE
    assert scenes == dg.DynamicPartitionsDefinition(name=SCENE)
