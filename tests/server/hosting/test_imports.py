"""A process with engines needs no library of settings: some machines that run one have none."""

import subprocess
import sys


def test_engines_in_processes_need_no_pydantic() -> None:
    code = "import sys; sys.modules['pydantic'] = None; import dragoman_server.hosting.host"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
