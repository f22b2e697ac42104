"""`dragoman attention`: the pictures of who attends to whom in a translation.

As in "Attention is all you need" (Vaswani et al., 2017, figures 3 to 5): heat maps, lines between
words, and a page to look around in. Knows what the client hands back; nothing of servers or models.
"""
