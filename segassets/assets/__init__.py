"""The graph: one module per artifact family; each asset takes inputs, calls one stage, tells what was made."""
