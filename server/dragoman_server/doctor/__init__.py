"""`dragoman doctor`: whether a server with these settings would start and serve well here.

Looks at bundles, provider, memory, ports, certificates, clock and limits; says what to do. Starts
nothing, changes nothing. Does not know how a server is put together.
"""

from dragoman_server.doctor.finding import Finding, State

__all__ = ["Finding", "State"]
