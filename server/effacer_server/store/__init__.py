"""Bytes by key and rows by name; knows no DICOM.

Enter at `blobs.py` (`open_blobs`) and `catalog.py` (the port; `sql.open_catalog` opens one). Imports errors only.
"""
