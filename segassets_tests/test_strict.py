"""What wrong configuration says: the key as written, and the nearest known one."""

from __future__ import annotations

from typing import Annotated, Literal

import pydantic
import pytest
from pydantic import Field

from segassets.errors import BadConfig
from segassets.strict import StrictModel, parse


class Hub(StrictModel):
    """One arm of a union; a field has the name of the other's tag."""

    kind: Literal["hub"]
    file: str


class Local(StrictModel):
    """The other arm."""

    kind: Literal["file"]
    path: str


class Inner(StrictModel):
    """A section."""

    size: int = 1
    names: list[str] = Field(default_factory=list)


class Outer(StrictModel):
    """A file."""

    inner: Inner = Inner()
    many: list[Inner] = Field(default_factory=list)
    by_name: dict[str, Inner] = Field(default_factory=dict)
    source: Annotated[Hub | Local, Field(discriminator="kind")] | None = None


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"iner": {}}, ["'iner'", "'inner'"]),
        ({"inner": {"sise": 1}}, ["'inner.sise'", "'size'"]),
        ({"inner": {"size": "big"}}, ["'inner.size'", "'big'"]),
        ({"inner": {"names": [1]}}, ["'inner.names.0'", "found 1"]),
        ({"many": [{"size": 1}, {"nams": []}]}, ["'many.1.nams'", "'names'"]),
        ({"by_name": {"a": {"sie": 1}}}, ["'by_name.a.sie'", "'size'"]),
        ({"source": {"kind": "file", "pth": "x"}}, ["'source.pth'", "'path'", "missing key 'source.path'"]),
        ({"source": {"kind": "hub"}}, ["missing key 'source.file'"]),
        ({"source": {"kind": "web"}}, ["'source'", "web"]),
        ([1], ["expected keys and values"]),
        (None, ["expected keys and values"]),
    ],
)
def test_messages(data, words):
    with pytest.raises(BadConfig) as raised:
        parse(Outer, data, "a.yaml")
    assert not [word for word in ["a.yaml", *words] if word not in str(raised.value)], str(raised.value)


def test_right_values_and_immutability():
    outer = parse(Outer, {"inner": {"size": 3}, "source": {"kind": "hub", "file": "w"}}, "a.yaml")
    assert outer.inner.size == 3
    with pytest.raises(pydantic.ValidationError):
        outer.inner.size = 4
