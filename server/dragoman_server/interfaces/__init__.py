"""What other services' clients call, on top of the one TranslationService.

Each module words another service's calls as ours: limits, callers, errors and metrics are those of
our calls. Does not know how anything is translated.
"""

from dragoman_server.interfaces.methods import (
    INTERFACES,
    Foundation,
    http_server,
    interface_methods,
)

__all__ = ["INTERFACES", "Foundation", "http_server", "interface_methods"]
