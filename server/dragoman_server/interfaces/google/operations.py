"""Operations that take long, as google.longrunning has them.

Knows the message. Does not know what is done.
"""

import uuid

from google.longrunning.operations_pb2 import (  # type: ignore[import-untyped]
    Operation,
)
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp


def finished(parent: str, metadata: Message, response: Message) -> Operation:
    """Returns an operation that is done.

    Args:
        parent: The location that it belongs to.
        metadata: How far it is.
        response: What came of it.
    """
    operation = Operation(name=f"{parent}/operations/{uuid.uuid4().hex}", done=True)
    operation.metadata.Pack(metadata)
    operation.response.Pack(response)
    return operation


def timestamp() -> Timestamp:
    """Returns the time."""
    now = Timestamp()
    now.GetCurrentTime()
    return now
