"""Figures, each against named peers in the same run: `python -m bench.tags`, `bench.memory`, `bench.header_walk`.

May import everything; nothing imports it.
"""
