"""Attention of a prompt's tokens to each other, and of one token a row to its past and its source.

It neither scales (1/sqrt(head_dim) is part of the query weights) nor looks at anything but lengths:
row i attends to places 0 to last[i] of its keys. Caches are of the layers' type, or int8 steps of
size 1: what is kept is then rounded half to even and clipped.
"""

# Shape rules have their kernel's signature, and operators take their tensors by position.
# ruff: noqa: ARG001, PLR0917

from collections.abc import Callable

import torch
from torch import Tensor

from dragoman_export.network.operators.integers import to_steps

HEAD_MULTIPLE = 8
"""Attention takes heads of whole multiples of this width; narrower ones are filled up with zeros,
which change no product."""

SHARED_ROWS = 4
"""Most rows that attend to one copy of a source together: a beam of 4 needs one copy, one of 5 two.

More would make smaller beams compute queries that nobody asks.
"""

Attended = tuple[Tensor, Tensor, Tensor]


def _attend(
    query: Tensor, key: Tensor, value: Tensor, last: Tensor, bias: Tensor | None = None
) -> Tensor:
    """Softmax attention, (batch, heads, length, head_dim) each -> (batch, length, dim)."""
    key, value = key.to(query.dtype), value.to(query.dtype)
    scores = query @ key.transpose(2, 3)
    if bias is not None:
        scores = scores + bias
    places = torch.arange(key.shape[2], device=key.device)
    hidden = places[None, None, None, :] > last[:, None, None, None]
    weights = scores.masked_fill(hidden, -torch.inf).softmax(dim=3)
    return (weights @ value).transpose(1, 2).flatten(2)


@torch.library.custom_op("dragoman::attend_prompt", mutates_args=())
def attend_prompt(
    query_key_value: Tensor, last: Tensor, length: Tensor, heads: int, bias: Tensor | None = None
) -> Tensor:
    """Every token attends to its whole sentence.

    Args:
        query_key_value: (batch, source, 3 * dim), queries, keys and values side by side.
        last: (batch,) int32, last place of each sentence.
        length: (1,) int32, `source`.
        heads: Attention heads.
        bias: (1, heads, source, source) to add before the softmax.

    Returns:
        (batch, source, dim); past a sentence's end the values mean nothing.
    """
    batch, source, _ = query_key_value.shape
    assert int(length) == source
    query, key, value = query_key_value.reshape(batch, source, 3, heads, -1).permute(2, 0, 3, 1, 4)
    return _attend(query, key, value, last, bias)


@attend_prompt.register_fake
def _(
    query_key_value: Tensor, last: Tensor, length: Tensor, heads: int, bias: Tensor | None = None
) -> Tensor:
    batch, source, width = query_key_value.shape
    return query_key_value.new_empty((batch, source, width // 3))


@torch.library.custom_op("dragoman::attend_past", mutates_args=())
def attend_past(
    query_key_value: Tensor,
    past_key: Tensor,
    past_value: Tensor,
    positions: Tensor,
    capacity: Tensor,
    heads: int,
    bias: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """One token a row is added to its cache and attends to all tokens so far.

    Args:
        query_key_value: (rows, 3 * dim), query, key and value side by side.
        past_key: (rows, heads, capacity, head_dim), of the query's type or int8.
        past_value: Likewise.
        positions: (rows,) int32, where the new key and value are written.
        capacity: (1,) int32, places of the cache.
        heads: Attention heads.
        bias: (rows, heads, 1, capacity) to add before the softmax.

    Returns:
        (rows, dim), and the two caches with the token added.
    """
    assert int(capacity) == past_key.shape[2]
    rows = torch.arange(query_key_value.shape[0])
    query, key, value = query_key_value.reshape(len(rows), 3, heads, -1).unbind(1)
    new_key, new_value = past_key.clone(), past_value.clone()
    if past_key.dtype == torch.int8:
        key, value = to_steps(key), to_steps(value)
    new_key[rows, :, positions.long()] = key
    new_value[rows, :, positions.long()] = value
    attended = _attend(query[:, :, None], new_key, new_value, positions, bias)
    return attended.squeeze(1), new_key, new_value


@attend_past.register_fake
def _(
    query_key_value: Tensor,
    past_key: Tensor,
    past_value: Tensor,
    positions: Tensor,
    capacity: Tensor,
    heads: int,
    bias: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    rows, width = query_key_value.shape
    attended = query_key_value.new_empty((rows, width // 3))
    return attended, torch.empty_like(past_key), torch.empty_like(past_value)


@torch.library.custom_op("dragoman::attend_source", mutates_args=())
def attend_source(
    query: Tensor, key: Tensor, value: Tensor, last: Tensor, capacity: Tensor, heads: int
) -> tuple[Tensor, Tensor, Tensor]:
    """One token a row attends to its source.

    Args:
        query: (rows, dim).
        key: (rows, heads, capacity, head_dim), of the query's type or int8.
        value: Likewise.
        last: (rows,) int32, last place of each source.
        capacity: (1,) int32, places of the cache.
        heads: Attention heads.

    Returns:
        (rows, dim), and the key and value as they came (the ONNX operator has them as outputs).
    """
    assert int(capacity) == key.shape[2]
    attended = _attend(query.reshape(query.shape[0], heads, 1, -1), key, value, last)
    return attended.squeeze(1), key.clone(), value.clone()


@attend_source.register_fake
def _(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    last: Tensor,
    capacity: Tensor,
    heads: int,
) -> tuple[Tensor, Tensor, Tensor]:
    return torch.empty_like(query), torch.empty_like(key), torch.empty_like(value)


@torch.library.custom_op("dragoman::attend_shared_source", mutates_args=())
def attend_shared_source(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    last: Tensor,
    capacity: Tensor,
    is_shared: Tensor,
    query_index: Tensor,
    attended_index: Tensor,
    heads: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """One token a row attends to its source, of which up to SHARED_ROWS rows share a copy.

    Args:
        query: (rows, dim).
        key: (sources, heads, capacity, head_dim), of the query's type or int8.
        value: Likewise.
        last: (sources,) int32, last place of each source.
        capacity: (1,) int32, places of the cache.
        is_shared: () bool; where it is false row i attends to source i, and neither index is read.
        query_index: (sources, heads * SHARED_ROWS) int64, for each head of each source the queries
            asked of it: row * heads + head. Any valid one where fewer rows ask.
        attended_index: (rows, heads) int64, where each head of each row asks, in the flattened
            query_index.
        heads: Attention heads.

    Returns:
        As attend_source.
    """
    attend: Callable[..., Attended] = attend_source
    if not bool(is_shared):
        return attend(query, key, value, last, capacity, heads)
    assert int(capacity) == key.shape[2]
    (rows, dim), sources = query.shape, key.shape[0]
    queries = query.reshape(rows * heads, -1)[query_index]  # (sources, heads * shared, head_dim)
    grouped = queries.reshape(sources, heads, SHARED_ROWS, -1)
    attended = _attend(grouped, key, value, last).reshape(sources, SHARED_ROWS, heads, -1)
    answers = attended.transpose(1, 2).flatten(0, 2)  # as query_index is, flattened
    return answers[attended_index].reshape(rows, dim), key.clone(), value.clone()


@attend_shared_source.register_fake
def _(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    last: Tensor,
    capacity: Tensor,
    is_shared: Tensor,
    query_index: Tensor,
    attended_index: Tensor,
    heads: int,
) -> tuple[Tensor, Tensor, Tensor]:
    return torch.empty_like(query), torch.empty_like(key), torch.empty_like(value)
