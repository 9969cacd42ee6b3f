"""Measured comparisons, never timed tests: each prints ours, the opponent and the ratio. Run by `scripts/bench`."""
