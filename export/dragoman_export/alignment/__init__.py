"""Which heads of a model's attention tell what stands for what.

Knows graphs of attention, alignments made by people and IBM's model 1. Does not know what becomes
of the choice.
"""

from dragoman_export.alignment.choice import AlignmentHeads, choose_by_gold, choose_by_model_1
from dragoman_export.alignment.gold import GoldPair, read_gold

__all__ = ["AlignmentHeads", "GoldPair", "choose_by_gold", "choose_by_model_1", "read_gold"]
