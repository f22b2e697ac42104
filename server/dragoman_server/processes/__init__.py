"""Front ends in processes of their own, before the process that has the engines.

Knows what they tell each other and how it travels. Does not know how texts are translated.
"""

from dragoman_server.processes.messages import ModelSetup, Serve, Setup
from dragoman_server.processes.workers import build_front_end

__all__ = [
    "ModelSetup",
    "Serve",
    "Setup",
    "build_front_end",
]
