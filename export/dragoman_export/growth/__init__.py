"""`dragoman growth`: what encoding costs over source length, of a bundle as it runs here.

Draws the argument of "Attention is all you need" (Vaswani et al., 2017, table 1): a layer of
self-attention takes time for the square of the length, its linear layers for the length, and a
recurrent layer a step for each token. Knows bundles, onnxruntime and clocks; not torch, not text.
"""
