"""Instance masks as columnar tables of compressed RLE. Nothing here knows a model or Dagster."""
