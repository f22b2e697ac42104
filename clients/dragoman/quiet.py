"""Keeps gRPC's core from writing lines of its own to the program's standard error.

What it would say is in the errors. It reads GRPC_VERBOSITY when it is imported: so this module is
imported before it, does nothing where the program has imported gRPC already, and leaves the
variable as it was; where it is set, it holds.
"""

import os

if "GRPC_VERBOSITY" not in os.environ:
    os.environ["GRPC_VERBOSITY"] = "NONE"
    import grpc  # noqa: F401  for what it reads

    del os.environ["GRPC_VERBOSITY"]
