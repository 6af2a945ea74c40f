"""Text: where identifying parts stand, and what takes their place.

Enter at `finder.Finder`. Imports dicom tables and policy, never store or jobs; knows strings, no bytes and no files.
"""
