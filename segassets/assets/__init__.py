"""The graph: one module per artifact family, each asset a sentence: take inputs, call one stage, tell what was made."""
