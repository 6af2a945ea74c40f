"""Bytes by key and rows by name; knows no DICOM.

Enter at `blobs.py` and `catalog.py`. May import settings, errors.
"""
