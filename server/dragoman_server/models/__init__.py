"""What a bundle says of its model: manifest and files, tokens, languages.

Knows what export wrote. Does not know how a model is run, nor what a request asks.
"""

from dragoman_server.models.bundle import Bundle
from dragoman_server.models.languages import LanguagePairs
from dragoman_server.models.tokenizer import Tokenizer
from dragoman_server.models.watch import watch_files

__all__ = [
    "Bundle",
    "LanguagePairs",
    "Tokenizer",
    "watch_files",
]
