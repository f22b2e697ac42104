"""The interfaces that speak HTTP with JSON: LibreTranslate's, DeepL's and OpenAI's, on one port.

What is asked for becomes calls of the server's own methods, which let in, limit, charge, translate
and count as they do for the wire. The door to starlette and uvicorn. Does not know how anything is
translated.
"""

from dragoman_server.interfaces.http.server import HttpServer

__all__ = ["HttpServer"]
