"""What the asset graph needs from Dagster: partitions, resources, GPU needs, checks, metadata, automation.

Nothing in here knows how masks are made, and nothing in here imports a network while definitions load.
"""
