"""Python imports this first where its directory is in PYTHONPATH: in processes with engines too.

So these find what a bare machine has (bare.py) before they import what they run.
"""

import tests.gpu  # noqa: F401
