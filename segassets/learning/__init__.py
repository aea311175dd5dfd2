"""Training: samples, losses and loops. Nothing here knows Dagster."""
