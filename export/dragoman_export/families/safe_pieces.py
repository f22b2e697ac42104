"""sentencepiece models that take the name of what steers a model for text."""

from collections.abc import Collection
from pathlib import Path

from google.protobuf.message import DecodeError
from sentencepiece import sentencepiece_model_pb2

from dragoman_export.checkpoints.files import refuse_pointers
from dragoman_export.errors import CheckpointError


def read_model(path: Path) -> sentencepiece_model_pb2.ModelProto:
    """A sentencepiece model as it can be changed.

    Raises:
        CheckpointError: The file holds none.
    """
    refuse_pointers([path])
    try:
        return sentencepiece_model_pb2.ModelProto.FromString(path.read_bytes())
    except DecodeError as error:
        raise CheckpointError(f"{path} is no sentencepiece model: {error}") from error


def text_model(path: Path, steering: Collection[str]) -> Path | bytes:
    """A model whose user-defined pieces have none of these names; the file itself where it is one.

    Args:
        path: Of a sentencepiece model.
        steering: Names of tokens that steer.

    Raises:
        CheckpointError: The file holds none.
    """
    model = read_model(path)
    user_defined = model.SentencePiece.USER_DEFINED
    taken = [p for p in model.pieces if p.type == user_defined and p.piece in steering]
    for piece in taken:
        piece.type = model.SentencePiece.CONTROL
    return bytes(model.SerializeToString()) if taken else path
