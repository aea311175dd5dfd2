"""Bytes that safetensors itself reads."""

from __future__ import annotations

import numpy as np
import pytest
from safetensors import SafetensorError
from safetensors.numpy import load, safe_open

from segassets.errors import BadInput
from segassets.exports.tensor_file import tensor_bytes

KINDS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "float32", "float64", "bool")


def arrays() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(5)
    found = {f"of {kind}": rng.integers(0, 2, (3, 5)).astype(kind) for kind in KINDS}
    found["turned"] = rng.normal(size=(4, 7)).astype(np.float32).T
    found["every second"] = np.arange(9, dtype=np.int32)[::2]
    found["none"] = np.zeros((0, 3, 3), np.float32)
    found["number"] = np.array(2.5)
    found["Größe"] = np.array([1.5], np.float32)
    return found


def test_safetensors_reads_what_was_given() -> None:
    given = arrays()
    found = load(tensor_bytes(given, {"unit": "m"}))
    assert found.keys() == given.keys()
    for name, array in given.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(found[name], array)


def test_facts_and_files_without_them(tmp_path) -> None:
    facts = {"scene": "Küche", "uri": 'a "b"\\c.jpg', "unit": ""}
    for number, given in enumerate((facts, {})):
        path = tmp_path / f"{number}.safetensors"
        path.write_bytes(tensor_bytes({"a": np.ones(3, np.int8)}, given))
        with safe_open(path, "np") as file:
            assert (file.metadata() or {}) == given
    assert load(tensor_bytes({}, {})) == {}


def test_every_array_lies_aligned() -> None:
    data = tensor_bytes(arrays(), {"a": "b"})
    assert int.from_bytes(data[:8], "little") % 8 == 0


def test_a_file_cut_short_is_refused() -> None:
    with pytest.raises(SafetensorError):
        load(tensor_bytes(arrays(), {})[:-1])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["of float64", "of float32", "turned", "Größe", "number"])
def test_numbers_that_are_not_finite_are_named(name: str, bad: float) -> None:
    given = arrays()
    given[name][(-1,) * given[name].ndim] = bad
    with pytest.raises(BadInput, match=f"expected finite numbers, found nan or infinity in {name}"):
        tensor_bytes(given, {})


def test_other_dtypes_are_refused() -> None:
    with pytest.raises(BadInput, match="found complex128 in waves"):
        tensor_bytes({"waves": np.zeros(2, np.complex128)}, {})
    with pytest.raises(BadInput, match="found >f4 in turned"):
        tensor_bytes({"turned": np.zeros(2, ">f4")}, {})
