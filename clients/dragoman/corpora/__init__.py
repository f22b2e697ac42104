"""`dragoman corpora`: files of millions of lines on Ray Data, resumable, every line accounted for.

Knows jobs, shards and workers; only pool.py knows Ray. Does not know how a line is translated.
"""
