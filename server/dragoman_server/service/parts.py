"""Some texts of a request as a request of their own, and what is said of them.

Knows the wire's requests. Does not know why texts are taken apart.
"""

import re
from collections.abc import Sequence

from dragoman.v1.translation_pb2 import TranslateTextRequest
from dragoman_server.errors import InvalidArgumentError

_CONTENT = re.compile(r"contents\[(\d+)\]")


def without_contents(request: TranslateTextRequest) -> TranslateTextRequest:
    """Returns all that a request says beside its texts."""
    bare = TranslateTextRequest()
    bare.CopyFrom(request)
    del bare.contents[:]
    return bare


def part_of(
    request: TranslateTextRequest, bare: TranslateTextRequest, indices: Sequence[int]
) -> TranslateTextRequest:
    """Returns a request for the texts at these indices, that says what `bare` does beside."""
    part = TranslateTextRequest()
    part.CopyFrom(bare)
    part.contents.extend(request.contents[index] for index in indices)
    return part


def in_whole_request(error: InvalidArgumentError, indices: Sequence[int]) -> InvalidArgumentError:
    """Returns an error about a text of a part as one about a text of the whole request."""
    found = _CONTENT.fullmatch(error.field)
    if found is None:
        return error
    return of_field(error, f"contents[{indices[int(found[1])]}]")


def of_field(error: InvalidArgumentError, field: str) -> InvalidArgumentError:
    """Returns an error about a field as one about another."""
    return InvalidArgumentError(
        str(error).replace(error.field, field, 1),
        field=field,
        reason=error.reason,
        given=error.given,
        allowed=error.allowed,
    )
