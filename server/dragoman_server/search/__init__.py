"""Greedy and beam search over the rows of one engine, and what a text's options ask of them.

Knows arrays of rows and the candidates of each step. Does not know graphs, caches, time or text.
"""

from dragoman_server.search.candidates import Candidates
from dragoman_server.search.rows import Move, RowCopies
from dragoman_server.search.sampling import MAX_SAMPLING_TOPK
from dragoman_server.search.search import Search

__all__ = [
    "MAX_SAMPLING_TOPK",
    "Candidates",
    "Move",
    "RowCopies",
    "Search",
]
