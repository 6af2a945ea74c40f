"""The standard's facts (tables/*.tsv) and the one door to the native core.

Enter at `facts.py` for tables, `core.py` for bytes. May import errors.
"""
