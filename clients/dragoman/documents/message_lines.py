"""A message of ICU that is written on several lines: as a text of one line, and back.

White space between its branches stays as it is, white space in them becomes spaces.
"""

from functools import partial

from dragoman.documents.part import PlacementError, Text
from dragoman.message_format import branches


def on_one_line(message: str) -> Text | None:
    """Returns a message as a part on one line; None where it is no plural or select of ICU."""
    if "\n" not in message or not branches(message):
        return None
    return Text(message, " ".join(message.split()), partial(_laid_out, message))


def _laid_out(message: str, translation: str) -> str:
    """Returns a message with the branches of its translation; raises PlacementError."""
    own, other = branches(message), branches(translation)
    if len(own) != len(other):
        raise PlacementError
    written: list[str] = []
    position = 0
    for (begin, end, _), (first, last, _) in zip(own, other, strict=True):
        written += [message[position:begin], translation[first:last]]
        position = end
    return "".join([*written, message[position:]])
