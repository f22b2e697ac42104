"""Greedy and beam search over the rows of one engine, and what a text's options ask of them.

Knows arrays of rows and the candidates of each step. Does not know graphs, caches, time or text.
"""

from dragoman_server.search.candidates import NO_TOKENS, Candidates
from dragoman_server.search.requirements import WordContinuations
from dragoman_server.search.rows import Move, RowCopies
from dragoman_server.search.sampling import MAX_SAMPLING_TOPK
from dragoman_server.search.search import Search

__all__ = [
    "MAX_SAMPLING_TOPK",
    "NO_TOKENS",
    "Candidates",
    "Move",
    "RowCopies",
    "Search",
    "WordContinuations",
]
