"""Where texts have sentences, words and placeholders, and how a translation is laid out like them.

Knows characters, lines and languages. Does not know tokens, models, requests or the wire. The door
to sentencex.
"""

from dragoman_server.texts.clauses import halves
from dragoman_server.texts.elements import inside_element
from dragoman_server.texts.lines import has_lines, has_marker, one_line
from dragoman_server.texts.placeholders import Placeholder, find_placeholders
from dragoman_server.texts.sentences import has_words, is_sentence, sentences
from dragoman_server.texts.spacing import Spacing
from dragoman_server.texts.span import Span
from dragoman_server.texts.unbroken import Unbroken
from dragoman_server.texts.words import is_joined, is_whole

__all__ = [
    "Placeholder",
    "Spacing",
    "Span",
    "Unbroken",
    "find_placeholders",
    "halves",
    "has_lines",
    "has_marker",
    "has_words",
    "inside_element",
    "is_joined",
    "is_sentence",
    "is_whole",
    "one_line",
    "sentences",
]
