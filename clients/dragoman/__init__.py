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
    AlignmentLink,
    Attention,
    AttentionWeights,
    DetectedLanguage,
    DetectedLanguages,
    FinishReason,
    Hypothesis,
    LanguageSpan,
    Limits,
    Model,
    Segment,
    StreamResult,
    Translation,
    Warning,  # noqa: A004  the wire's word
    WordConfidence,
)

__version__ = version("dragoman")

__all__ = [
    "AlignmentLink",
    "AsyncClient",
    "Attention",
    "AttentionWeights",
    "AuthenticationError",
    "CallCancelledError",
    "Client",
    "ConnectError",
    "DeadlineExceededError",
    "DetectedLanguage",
    "DetectedLanguages",
    "DragomanError",
    "FieldViolation",
    "FinishReason",
    "Hypothesis",
    "InvalidArgumentError",
    "LanguageSpan",
    "Limits",
    "Model",
    "NotFoundError",
    "QueueFullError",
    "Segment",
    "ServerError",
    "StreamResult",
    "TranslateOptions",
    "Translation",
    "UnavailableError",
    "UsageError",
    "Warning",
    "WordConfidence",
    "__version__",
]
