"""Long-running work: an operation's shards, their counters, resume and cancel.

Enter at `manager.py`; `work.py` is the one file where engine and store meet. May import engine,
store, policy, dicom, settings, errors.
"""
