"""The client of a Dragoman translation server.

from dragoman import Client

with Client("127.0.0.1:50051") as client:
    print(client.translate("Hello, world.").translated_text)
"""

from importlib.metadata import version

from dragoman import quiet  # noqa: F401  before anything imports gRPC
from dragoman.async_client import AsyncClient
from dragoman.client import Client
from dragoman.errors import (
    AuthenticationError,
    CallCancelledError,
    ConnectError,
    DeadlineExceededError,
    DragomanError,
    FieldViolation,
    InvalidArgumentError,
    NotFoundError,
    QueueFullError,
    ServerError,
    UnavailableError,
    UsageError,
)
from dragoman.options import TranslateOptions
from dragoman.results import (
    FinishReason,
    Hypothesis,
    Limits,
    Model,
    StreamResult,
    Translation,
    Warning,  # noqa: A004  as the wire has it
)

__version__ = version("dragoman")

__all__ = [
    "AsyncClient",
    "AuthenticationError",
    "CallCancelledError",
    "Client",
    "ConnectError",
    "DeadlineExceededError",
    "DragomanError",
    "FieldViolation",
    "FinishReason",
    "Hypothesis",
    "InvalidArgumentError",
    "Limits",
    "Model",
    "NotFoundError",
    "QueueFullError",
    "ServerError",
    "StreamResult",
    "TranslateOptions",
    "Translation",
    "UnavailableError",
    "UsageError",
    "Warning",
    "__version__",
]
