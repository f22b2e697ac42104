"""What stands for what: which heads of attention tell it, and what tokens are translated as.

Knows graphs of attention, alignments made by people and IBM's model 1. Does not know what becomes
of either.
"""

from dragoman_export.alignment.choice import AlignmentHeads, choose_by_gold, choose_by_model_1
from dragoman_export.alignment.gold import GoldPair, read_gold
from dragoman_export.alignment.lexicon import Lexicon, make_lexicon
from dragoman_export.alignment.model_1 import TokenPair

__all__ = [
    "AlignmentHeads",
    "GoldPair",
    "Lexicon",
    "TokenPair",
    "choose_by_gold",
    "choose_by_model_1",
    "make_lexicon",
    "read_gold",
]
