"""Operators that the canonical Transformer is traced with, library `dragoman`.

Each has a plain PyTorch kernel, so that modules run and are tested eagerly, and a shape rule for
tracing. What each becomes in ONNX is written in `dragoman_export.graphs.translations`.

Attention here neither scales (1/sqrt(head_dim) is part of the query weights) nor looks at anything
but lengths: row i attends to places 0 to last[i] of its keys. Caches are of the layers' type, or
int8 steps of size 1: what is kept is then rounded half to even and clipped.
"""

# Shape rules have their kernel's signature, and operators take their tensors by position.
# ruff: noqa: ARG001, PLR0917

from collections.abc import Callable

import torch
from torch import Tensor

from dragoman_export.network import kernels

GROUP_SIZE = 128
"""Logits a group of the top-k; the vocabulary is padded to whole groups."""

SUPPRESSED_BIAS = -1e9
"""Of the output for what is never generated: its probability is 0 in float32."""

HEAD_MULTIPLE = 8
"""Attention takes heads of whole multiples of this width; narrower ones are filled up with zeros,
which change no product."""

SMALLEST_ROW_SCALE = 1e-9
"""What a step of an 8-bit activation is worth in a row of zeros."""

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


@torch.library.custom_op("dragoman::to_steps", mutates_args=())
def to_steps(x: Tensor) -> Tensor:
    """The nearest int8 to each float32, half to even."""
    return x.round().clamp(-128, 127).to(torch.int8)


@to_steps.register_fake
def _(x: Tensor) -> Tensor:
    return torch.empty_like(x, dtype=torch.int8)


@torch.library.custom_op("dragoman::add_and_norm", mutates_args=())
def add_and_norm(x: Tensor, y: Tensor, weight: Tensor, bias: Tensor, epsilon: float) -> Tensor:
    """Layer normalisation of x + y, both (rows, dim), scaled by `weight`, shifted by `bias`."""
    return kernels.add_and_norm(x, y, weight, bias, epsilon)


@add_and_norm.register_fake
def _(x: Tensor, y: Tensor, weight: Tensor, bias: Tensor, epsilon: float) -> Tensor:
    return torch.empty_like(x)


@torch.library.custom_op("dragoman::norm", mutates_args=())
def norm(x: Tensor, weight: Tensor, bias: Tensor, epsilon: float) -> Tensor:
    """Layer normalisation of x (rows, dim), scaled by `weight`, shifted by `bias`."""
    return kernels.norm(x, weight, bias, epsilon)


@norm.register_fake
def _(x: Tensor, weight: Tensor, bias: Tensor, epsilon: float) -> Tensor:
    return torch.empty_like(x)


@torch.library.custom_op("dragoman::rms_norm", mutates_args=())
def rms_norm(x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
    """Rows divided by their root mean square and scaled by `weight`; x is (rows, dim).

    Source: Zhang and Sennrich 2019, "Root Mean Square Layer Normalization".
    """
    return kernels.rms_norm(x, weight, epsilon)


@rms_norm.register_fake
def _(x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
    return torch.empty_like(x)


@torch.library.custom_op("dragoman::prompt_bias", mutates_args=())
def prompt_bias(table: Tensor, padded_index: Tensor) -> Tensor:
    """What attention of every token to every token adds for their distance.

    Args:
        table: (2 * most - 1, heads), by the place attended to minus the place that attends, from
            1 - most to most - 1; what is further is as far.
        padded_index: (batch, source), of which the length of the longest sentence is taken.

    Returns:
        (1, heads, source, source): the token that attends, the token attended to.
    """
    return kernels.prompt_bias(table, padded_index).contiguous()


@prompt_bias.register_fake
def _(table: Tensor, padded_index: Tensor) -> Tensor:
    source = padded_index.shape[1]
    return table.new_empty((1, table.shape[1], source, source))


@torch.library.custom_op("dragoman::past_bias", mutates_args=())
def past_bias(table: Tensor, positions: Tensor, cache: Tensor) -> Tensor:
    """What attention of one token a row to those before it adds for their distance.

    Args:
        table: (most, heads), by the place that attends minus the place attended to; what is further
            is as far.
        positions: (rows,) int32, the place that attends.
        cache: (rows, heads, capacity, head_dim), of which the capacity is taken.

    Returns:
        (rows, heads, 1, capacity); past a row's position the values mean nothing.
    """
    return kernels.past_bias(table, positions, cache).contiguous()


@past_bias.register_fake
def _(table: Tensor, positions: Tensor, cache: Tensor) -> Tensor:
    return table.new_empty((positions.shape[0], table.shape[1], 1, cache.shape[2]))


@torch.library.custom_op("dragoman::extent", mutates_args=())
def extent(x: Tensor, dimension: int) -> Tensor:
    """Size of one dimension, (1,) int32."""
    return torch.tensor([x.shape[dimension]], dtype=torch.int32)


@extent.register_fake
def _(x: Tensor, dimension: int) -> Tensor:
    return x.new_empty((1,), dtype=torch.int32)


@torch.library.custom_op("dragoman::recur_all", mutates_args=())
def recur_all(x: Tensor, positions: Tensor) -> Tensor:
    """All tokens of targets that lie one after the other through a recurrent unit.

    Args:
        x: (tokens, 2 * dim); see `recurrence.recur`.
        positions: (tokens,) int64; at 0 a target begins, from nothing.

    Returns:
        What the unit says of each token, (tokens, dim).
    """
    candidates, kept = x.float().chunk(2, dim=1)
    kept = kept.sigmoid()
    state, states = torch.zeros_like(candidates[0]), []
    for candidate, share, position in zip(candidates, kept, positions.tolist(), strict=True):
        old = state if position else torch.zeros_like(state)
        state = candidate + share * (old - candidate)
        states.append(state)
    return torch.stack(states).relu().to(x.dtype)


@recur_all.register_fake
def _(x: Tensor, positions: Tensor) -> Tensor:
    return x.new_empty((x.shape[0], x.shape[1] // 2))


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


@torch.library.custom_op("dragoman::best_candidates", mutates_args=())
def best_candidates(logits: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    """The `count` (1,) largest of each row, best first: values and ids, (rows, count) each."""
    values, ids = torch.topk(logits, int(count), dim=1)
    return values, ids


@best_candidates.register_fake
def _(logits: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    candidates = torch.library.get_ctx().new_dynamic_size(min=1)
    values = logits.new_empty((logits.shape[0], candidates))
    return values, torch.empty_like(values, dtype=torch.int64)


@torch.library.custom_op("dragoman::log_normalizers", mutates_args=())
def log_normalizers(logits: Tensor, best: Tensor, best_ids: Tensor, wanted: Tensor) -> Tensor:
    """Log of the sum of the exponentials of each row, (rows,); zeros unless `wanted`.

    Args:
        logits: (rows, vocab).
        best: (rows, candidates), some of each row.
        best_ids: (rows, candidates) int64, where they stand.
        wanted: () bool.
    """
    if not bool(wanted):
        return logits.new_zeros(logits.shape[0])
    first = best_ids[:, :1]
    return (best[:, :1] - logits.log_softmax(dim=1).gather(1, first)).squeeze(1)


@log_normalizers.register_fake
def _(logits: Tensor, best: Tensor, best_ids: Tensor, wanted: Tensor) -> Tensor:
    return logits.new_empty((logits.shape[0],))


@torch.library.custom_op("dragoman::scaled_log_normalizers", mutates_args=())
def scaled_log_normalizers(
    logits: Tensor, scale: Tensor, best: Tensor, best_ids: Tensor, wanted: Tensor
) -> Tensor:
    """Likewise, of logits that are still to be multiplied by `scale` (rows, 1), as `best` is."""
    normalizers: Tensor = log_normalizers(logits * scale, best, best_ids, wanted)
    return normalizers


@scaled_log_normalizers.register_fake
def _(logits: Tensor, scale: Tensor, best: Tensor, best_ids: Tensor, wanted: Tensor) -> Tensor:
    return logits.new_empty((logits.shape[0],))


@torch.library.custom_op("dragoman::int8_product", mutates_args=())
def int8_product(
    x: Tensor, weight: Tensor, weight_scale: Tensor, bias: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Product in 8-bit integers with one activation scale a row, found at run time.

    Args:
        x: (rows, in) float32.
        weight: (in, out) int8.
        weight_scale: (out,) float32, what one step of each column is worth.
        bias: (out,) float32, in steps of whatever row.

    Returns:
        (rows, out) float32 and what each row of it is still to be multiplied by, (rows, 1), at
        least SMALLEST_ROW_SCALE. A row depends on no other row.
    """
    row_scale = (x.abs().amax(dim=1, keepdim=True) * (1 / 127)).clamp_min(SMALLEST_ROW_SCALE)
    quantised = torch.round(x / row_scale)  # -127 to 127: 1 to 255 as uint8 with zero point 128
    product = (quantised.double() @ weight.double()).float()  # sums of integers: exact
    product *= weight_scale
    return product if bias is None else product + bias, row_scale


@int8_product.register_fake
def _(
    x: Tensor, weight: Tensor, weight_scale: Tensor, bias: Tensor | None
) -> tuple[Tensor, Tensor]:
    return x.new_empty((x.shape[0], weight.shape[1])), x.new_empty((x.shape[0], 1))


@torch.library.custom_op("dragoman::int8_linear_calibrated", mutates_args=())
def int8_linear_calibrated(
    x: Tensor,
    activation_scale: Tensor,
    weight: Tensor,
    weight_scale: Tensor,
    bias: Tensor,
    zero_point: int,
) -> Tensor:
    """Product in 8-bit integers with one activation scale for every row there will ever be.

    Args:
        x: (rows, in) float32.
        activation_scale: () float32, what one step of x is worth; x is rounded half to even.
        weight: (in, out) int8.
        weight_scale: (out,) float32, what one step of each column is worth.
        bias: (out,) float32.
        zero_point: The uint8 that stands for 0. What lies below -zero_point or above
            255 - zero_point steps is clipped: with a zero point of 0 that is a ReLU.

    Returns:
        (rows, out) float32. A row depends on no other row.
    """
    steps = torch.round(x / activation_scale).clamp(-zero_point, 255 - zero_point)
    product = (steps.double() @ weight.double()).float()  # sums of integers: exact
    return product * (weight_scale * activation_scale) + bias


@int8_linear_calibrated.register_fake
def _(
    x: Tensor,
    activation_scale: Tensor,
    weight: Tensor,
    weight_scale: Tensor,
    bias: Tensor,
    zero_point: int,
) -> Tensor:
    return x.new_empty((x.shape[0], weight.shape[1]))
