"""The command line: `dragoman` and those of its subcommands that need only the client.

Knows flags, files, terminals and exit statuses. Does not know how a call is made.
"""
