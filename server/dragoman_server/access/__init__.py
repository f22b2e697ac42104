"""Who may do what: keys, tokens and certificates, what they allow, how much each caller may have.

Knows names of methods and models. Does not know grpc, nor what a call does.
"""

from dragoman_server.access.access import Access, Admission, warn_of_clear_text
from dragoman_server.access.authenticator import Presented
from dragoman_server.access.limits import RateLimits
from dragoman_server.access.principal import ADMINISTRATION, ALL, FILES, Limits, Principal
from dragoman_server.access.watched_files import (
    LOOK_SECONDS,
    Watched,
    WatchedFiles,
    read_file,
    watch,
)

__all__ = [
    "ADMINISTRATION",
    "ALL",
    "FILES",
    "LOOK_SECONDS",
    "Access",
    "Admission",
    "Limits",
    "Presented",
    "Principal",
    "RateLimits",
    "Watched",
    "WatchedFiles",
    "read_file",
    "warn_of_clear_text",
    "watch",
]
