"""Tables as they go into a pipe."""

from __future__ import annotations

import pytest

from segassets.cli.show import print_table


def test_a_piped_table_breaks_no_line_and_its_rule_is_as_long_as_its_rows(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    long = "word " * 100 + "end"
    print_table(("name", "figure", "what"), [("a" * 150, 0.5, long), ("b", None, "ü")])
    shown = [line.rstrip() for line in capfdbinary.readouterr().out.splitlines() if line.strip()]
    assert len(shown) == 4 and long.encode() in shown[2] and b"\xc3\xbc" in shown[3]
    assert set(shown[1].strip()) == set(b"-") and len(shown[1]) >= len(shown[2])
