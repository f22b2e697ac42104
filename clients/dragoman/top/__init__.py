"""`dragoman top`: what servers do now, in the terminal.

Knows the names of the server's metrics and the form that they come in. Does not know how a server
works; needs nothing of it but `/metrics`.
"""
