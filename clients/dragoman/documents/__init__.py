"""Files that people have: what in them is to be translated, and the same file with it translated.

A format finds its messages as spans of the file, and a translation replaces those spans and nothing
else: so all else is the same to the byte, whatever it is. Knows formats. Does not know servers, or
how anything is translated.
"""
