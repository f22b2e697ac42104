"""How sure a translation and its words are, of what the model thought of its tokens.

Knows log-probabilities of tokens and the regressions of a bundle's calibration. Does not know how
these are found, which calibration/ does, nor requests. Its features need no numpy, which words do.
"""
