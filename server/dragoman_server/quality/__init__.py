"""Whether a translation is one: repetition, loss, another language, the source again.

Judges the translation of one sentence by what is plain to see of it, and rather says nothing than
something wrong of a good one. Knows texts, tokens as numbers, and what is usual between two
languages. Does not know models, requests, how anything is decoded, nor what becomes of what it
finds.
"""

from dragoman_server.quality.coverage import uncovered
from dragoman_server.quality.echo import echoed
from dragoman_server.quality.fault import REASONS, Fault, Reason
from dragoman_server.quality.judge import Expected, Judge, Sentence
from dragoman_server.quality.language import Guesser, wrong_language
from dragoman_server.quality.length import UNKNOWN, LengthNorm
from dragoman_server.quality.repetition import Run, longest_run, monotonous, repeated
from dragoman_server.quality.script import wrong_script

__all__ = [
    "REASONS",
    "UNKNOWN",
    "Expected",
    "Fault",
    "Guesser",
    "Judge",
    "LengthNorm",
    "Reason",
    "Run",
    "Sentence",
    "echoed",
    "longest_run",
    "monotonous",
    "repeated",
    "uncovered",
    "wrong_language",
    "wrong_script",
]
