"""A corpus on the disk: inputs cut into shards, what became of each, files put together.

Knows files and what must add up. Does not know who translates.
"""
