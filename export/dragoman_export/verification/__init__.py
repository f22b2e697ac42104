"""Proves that graphs say what the checkpoint says, token for token.

Knows decoders of both sides and how to compare them. Does not know how graphs are made.
"""

from dragoman_export.verification.attention_graph import AttentionGraph, attention_graph
from dragoman_export.verification.device_decoding import DeviceGraphDecoder
from dragoman_export.verification.eager_decoding import EagerDecoder, encode
from dragoman_export.verification.graph_decoding import GraphDecoder, cpu_session, packed_pairs
from dragoman_export.verification.listed_decoding import ListedGraphDecoder
from dragoman_export.verification.module_decoding import ModuleDecoder
from dragoman_export.verification.plain_decoding import PlainGraphDecoder
from dragoman_export.verification.reference import ReferenceDecoder, ReferenceTokenizer
from dragoman_export.verification.verify import (
    Done,
    Parity,
    Said,
    Scorer,
    listen,
    measure,
    require_close,
    require_same,
    require_same_texts,
    require_same_tokens,
)

__all__ = [
    "AttentionGraph",
    "DeviceGraphDecoder",
    "Done",
    "EagerDecoder",
    "GraphDecoder",
    "ListedGraphDecoder",
    "ModuleDecoder",
    "Parity",
    "PlainGraphDecoder",
    "ReferenceDecoder",
    "ReferenceTokenizer",
    "Said",
    "Scorer",
    "attention_graph",
    "cpu_session",
    "encode",
    "listen",
    "measure",
    "packed_pairs",
    "require_close",
    "require_same",
    "require_same_texts",
    "require_same_tokens",
]
