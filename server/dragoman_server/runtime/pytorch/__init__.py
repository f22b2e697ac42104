"""Runs bundles of TorchScript and of torch.export; the only door to torch.

Knows rows and tensors. Does not know sequences, queues or requests. Importing the package loads no
torch: `loading`, which the rest of the server calls, does.
"""
