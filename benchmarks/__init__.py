"""Measurements of what speed and size are promised: ratios of two things done in one run on one machine."""
