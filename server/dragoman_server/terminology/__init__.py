"""Words that are not the model's to choose: placeholders, phrases kept as they are, glossaries.

Knows strings, and a tokenizer as far as what it can say. Does not know requests, models or how
anything is decoded.
"""

from dragoman_server.terminology.files import read_tsv
from dragoman_server.terminology.glossary import Entry, Glossary, Pair
from dragoman_server.terminology.marked import Marked, Settled, Warned
from dragoman_server.terminology.phrases import Phrases
from dragoman_server.terminology.shelf import Shelf, not_found
from dragoman_server.terminology.terms import MAX_TERM_LENGTH, Part, Place, Terminology
from dragoman_server.terminology.voice import Speaker, Voice

__all__ = [
    "MAX_TERM_LENGTH",
    "Entry",
    "Glossary",
    "Marked",
    "Pair",
    "Part",
    "Phrases",
    "Place",
    "Settled",
    "Shelf",
    "Speaker",
    "Terminology",
    "Voice",
    "Warned",
    "not_found",
    "read_tsv",
]
