"""In which language a text is: found out from its letters, offline; the door to eldc.

Knows texts and language codes. Does not know models, nor what is done with what it says.
"""

from dragoman_server.detection.choice import (
    TAKEN_FOR,
    UNDETERMINED,
    Wanted,
    choose,
    likeliest,
)
from dragoman_server.detection.detector import Guess, LanguageDetector, open_detector
from dragoman_server.detection.samples import has_letters

__all__ = [
    "TAKEN_FOR",
    "UNDETERMINED",
    "Guess",
    "LanguageDetector",
    "Wanted",
    "choose",
    "has_letters",
    "likeliest",
    "open_detector",
]
