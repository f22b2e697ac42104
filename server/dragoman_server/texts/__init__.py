"""Where texts have sentences, and how a translation is put together like its source.

Knows characters, lines and languages. Does not know tokens, models, requests or the wire. The door
to sentencex.
"""

from dragoman_server.texts.clauses import halves
from dragoman_server.texts.lines import has_lines, one_line
from dragoman_server.texts.sentences import has_words, is_sentence, sentences
from dragoman_server.texts.spacing import Spacing
from dragoman_server.texts.span import Span

__all__ = [
    "Spacing",
    "Span",
    "halves",
    "has_lines",
    "has_words",
    "is_sentence",
    "one_line",
    "sentences",
]
