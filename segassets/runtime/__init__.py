"""What a run cost and how it went: memory peaks, environment, timings, history. No Dagster here."""
