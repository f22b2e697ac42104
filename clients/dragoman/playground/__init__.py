"""`dragoman playground`: a page on which people try a running server's models.

An ordinary client of the server behind HTTP: what is allowed, refused, limited and counted is the
server's to say, as for every other client. Knows HTTP and the page; keeps nothing of what is typed.
"""
