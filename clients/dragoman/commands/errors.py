"""What ends a command that has no server to blame for it."""


class CommandError(Exception):
    """The command cannot be done as it was asked for; the text is meant for the user."""
