"""The transports' room: gRPC services turn requests into calls on jobs and store, and errors into google.rpc.Status.

Enter at `deidentify.py` and `operations.py`. May import jobs, engine, store,
policy, dicom, settings, errors, and effacer.v1.
"""
