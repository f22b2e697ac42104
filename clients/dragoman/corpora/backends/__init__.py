"""What translates a corpus: a running service, or engines in the workers' own processes.

Knows the client; engines are the server's to bring. Does not know lines or shards.
"""

from dragoman.corpora.backends.backend import Backend, LineTranslator
from dragoman.corpora.backends.service import Service

__all__ = ["Backend", "LineTranslator", "Service"]
