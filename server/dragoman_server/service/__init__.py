"""The gRPC service: calls, streams, health; requests checked and turned into tokens; errors told.

Knows the wire and grpc. Does not know rows or graphs, nor in which process the engines are.
"""

from dragoman_server.service.account import Account
from dragoman_server.service.admin_server import AdminServer
from dragoman_server.service.callers import name_of, principal_of
from dragoman_server.service.catalog import Catalog, Entry
from dragoman_server.service.detect_language import LanguageDetection
from dragoman_server.service.gate import Gate
from dragoman_server.service.health import Health
from dragoman_server.service.listing import (
    check_room,
    describe_model,
    engine_caches,
    file_bytes,
    longest_target,
    model_limits,
    most_engines,
)
from dragoman_server.service.markup import readable
from dragoman_server.service.observer import build_observer
from dragoman_server.service.outcomes import Outcomes
from dragoman_server.service.routes import Routes
from dragoman_server.service.sentence_cache import SentenceCache
from dragoman_server.service.server import FLUSH_SECONDS, GrpcServer, bind_port, reserve_port
from dragoman_server.service.service import SERVICE_NAME, TranslationService
from dragoman_server.service.text_queue import OnPartial, TextCodec, TextQueue
from dragoman_server.service.tls import Certificates
from dragoman_server.service.translator import Translator
from dragoman_server.service.unary import Unary, Wording, Wordings, as_asked
from dragoman_server.service.validation import HTML, PLAIN, read_mime_type, wrong_field

__all__ = [
    "FLUSH_SECONDS",
    "HTML",
    "PLAIN",
    "SERVICE_NAME",
    "Account",
    "AdminServer",
    "Catalog",
    "Certificates",
    "Entry",
    "Gate",
    "GrpcServer",
    "Health",
    "LanguageDetection",
    "OnPartial",
    "Outcomes",
    "Routes",
    "SentenceCache",
    "TextCodec",
    "TextQueue",
    "TranslationService",
    "Translator",
    "Unary",
    "Wording",
    "Wordings",
    "as_asked",
    "bind_port",
    "build_observer",
    "check_room",
    "describe_model",
    "engine_caches",
    "file_bytes",
    "longest_target",
    "model_limits",
    "most_engines",
    "name_of",
    "principal_of",
    "read_mime_type",
    "readable",
    "reserve_port",
    "wrong_field",
]
