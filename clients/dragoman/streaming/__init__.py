"""Translating streams: texts in, results out in order, over calls that may break and move.

Knows what is sent, sent again and given up. Does not know how a connection is made.
"""

from dragoman.streaming.async_increments import async_increments
from dragoman.streaming.async_stream import AsyncTextStream
from dragoman.streaming.increments import increments
from dragoman.streaming.stream import TextStream
from dragoman.streaming.window import Window

__all__ = ["AsyncTextStream", "TextStream", "Window", "async_increments", "increments"]
