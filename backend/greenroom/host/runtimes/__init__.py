"""The code that turns a version into predictions: one module for each runtime, listed in `host.runtime`."""
