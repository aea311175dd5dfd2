"""Instances through time: candidates on keyframes become tracks with stable ids, in one pass over the footage."""
