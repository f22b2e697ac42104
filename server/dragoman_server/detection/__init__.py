"""In which language a text is, or each stretch of it, found out offline; the door to eldc.

Knows texts and language codes. Does not know models, nor what is done with what it says.
"""

from dragoman_server.detection.choice import (
    TAKEN_FOR,
    UNDETERMINED,
    Wanted,
    choose,
    confirm,
    likeliest,
)
from dragoman_server.detection.detector import Guess, LanguageDetector, open_detector
from dragoman_server.detection.samples import has_letters
from dragoman_server.detection.stretches import Stretch, find_stretches

__all__ = [
    "TAKEN_FOR",
    "UNDETERMINED",
    "Guess",
    "LanguageDetector",
    "Stretch",
    "Wanted",
    "choose",
    "confirm",
    "find_stretches",
    "has_letters",
    "likeliest",
    "open_detector",
]
