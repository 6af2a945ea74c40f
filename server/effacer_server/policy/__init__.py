"""A config becomes a Plan here, and only here.

Enter at `compiler.py`. `compiler` alone may import the protos; the rest imports dicom, settings, errors.
"""
