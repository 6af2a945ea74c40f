"""One instance, bytes in, bytes out; no I/O of its own.

Enter at `instance.py`. May import policy.plan, dicom, errors.
"""
