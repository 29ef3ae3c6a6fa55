"""Figures that the tool must reach, each taken in one run: `python -m tests.benchmarks [NAME ...]`."""
