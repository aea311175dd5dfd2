"""`python -m segassets.cli` is the `segassets` command."""

from __future__ import annotations

from segassets.cli.app import main

main()
