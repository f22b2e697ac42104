"""Marked-up texts: what of them is translated, and their elements in the translation.

    fragment = parse("<p>Where is the <b>nearest</b> station?</p>")
    fragment.texts                                # what is translated and aligned as plain text
    fragment.translated([(translation, links)])   # the same elements round the words of each

Knows HTML and word alignments. Does not know how anything is translated or aligned, nor requests or
the wire.
"""

from dragoman_server.markup.alignment import Link
from dragoman_server.markup.block import MarkupError
from dragoman_server.markup.fragment import Fragment, parse

__all__ = ["Fragment", "Link", "MarkupError", "parse"]
