"""Artifacts on disk: whole or absent, with provenance; names that never leave their root."""
