"""What texts are made of, as far as characters alone tell it.

Knows strings. Does not know models, tokens or requests.
"""

from dragoman_server.texts.placeholders import Placeholder, find_placeholders
from dragoman_server.texts.words import is_joined, is_whole

__all__ = [
    "Placeholder",
    "find_placeholders",
    "is_joined",
    "is_whole",
]
