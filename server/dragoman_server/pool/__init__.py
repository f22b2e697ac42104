"""The models of a server: loaded, replaced and unloaded while requests run.

Knows bundles on disk, versions, memory. Does not know calls, nor how a model translates.
"""

from dragoman_server.pool.administration import Administration
from dragoman_server.pool.folder import Found, find_bundle, find_bundles
from dragoman_server.pool.follow import Follower
from dragoman_server.pool.memory import MemoryBudget
from dragoman_server.pool.pool import ModelFrontEnd, ModelPool
from dragoman_server.pool.version import LoadedModel

__all__ = [
    "Administration",
    "Follower",
    "Found",
    "LoadedModel",
    "MemoryBudget",
    "ModelFrontEnd",
    "ModelPool",
    "find_bundle",
    "find_bundles",
]
