"""Inputs and outputs of the graphs: what export writes and the server's runner is written for.

One table for names, element types and shapes; tracing, the manifest and the tests read it.
"""

from typing import NamedTuple

from dragoman_export.network import CANDIDATES, SHARED_ROWS, TransformerConfig, cache_kind


class GraphTensor(NamedTuple):
    """An input or output of a graph."""

    name: str

    data_type: str
    """ONNX element type in lower case."""

    shape: tuple[int | str, ...]
    """A number, or the name of a dynamic dimension."""


class GraphContract(NamedTuple):
    """What goes into a graph and what comes out."""

    inputs: tuple[GraphTensor, ...]
    outputs: tuple[GraphTensor, ...]


def encoder_contract(config: TransformerConfig) -> GraphContract:
    """The encoder's; see `transformer.Encoder.forward` for the meaning of each."""
    shape = (2 * config.decoder_layers, config.decoder_heads, "tokens", config.decoder_head_dim)
    return GraphContract(
        inputs=(
            GraphTensor("token_ids", "int64", ("tokens",)),
            GraphTensor("positions", "int64", ("tokens",)),
            GraphTensor("padded_index", "int64", ("batch", "source")),
            GraphTensor("packed_index", "int64", ("tokens",)),
            GraphTensor("source_last", "int32", ("batch",)),
        ),
        outputs=(GraphTensor("cross_key_value", config.cache_type, shape),),
    )


def decoder_contract(config: TransformerConfig) -> GraphContract:
    """The decoder's; see `transformer.DecoderStep.forward`. A cache's output ends in `_out`."""
    return _decoder_contract(config, (GraphTensor("wanted_ids", "int64", ("wanted",)),))


def listed_decoder_contract(config: TransformerConfig) -> GraphContract:
    """Where each row chooses among a list of its own; see `listed.ListedStep.forward`."""
    lists = (
        GraphTensor("union_weight", "int8", (config.model_dim, "union")),
        GraphTensor("union_scale", "float", ("union",)),
        GraphTensor("union_bias", "float", ("union",)),
        GraphTensor("list_columns", "int64", ("rows", "listed")),
        GraphTensor("list_ids", "int64", ("rows", "listed")),
        GraphTensor("wanted_columns", "int64", ("wanted",)),
    )
    return _decoder_contract(config, lists)


def _decoder_contract(config: TransformerConfig, told: tuple[GraphTensor, ...]) -> GraphContract:
    """With what tells which tokens are wanted, and which rows choose among."""
    caches = _caches(config, sources="sources")
    heads = config.decoder_heads
    return GraphContract(
        inputs=(
            GraphTensor("token_ids", "int64", ("rows",)),
            GraphTensor("positions", "int32", ("rows",)),
            GraphTensor("source_last", "int32", ("sources",)),
            GraphTensor("candidate_count", "int64", (1,)),
            GraphTensor("with_normalizers", "bool", ()),
            *told,
            GraphTensor("is_shared", "bool", ()),
            GraphTensor("query_index", "int64", ("groups", heads * SHARED_ROWS)),
            GraphTensor("attended_index", "int64", ("grouped_rows", heads)),
            *caches,
        ),
        outputs=(
            GraphTensor("candidate_ids", "int64", ("rows", "candidates")),
            GraphTensor("candidate_logits", "float", ("rows", "candidates")),
            GraphTensor("log_normalizers", "float", ("rows",)),
            GraphTensor("wanted_logits", "float", ("rows", "wanted")),
            *_updated(caches),
        ),
    )


def device_decoder_contract(config: TransformerConfig) -> GraphContract:
    """Of the decoder whose kernels are recorded; see `device_step.DeviceStep.forward`."""
    caches = _caches(config, sources="rows")
    return GraphContract(
        inputs=(
            GraphTensor("token_ids", "int32", ("rows",)),
            GraphTensor("positions", "int32", ("rows",)),
            GraphTensor("source_last", "int32", ("rows",)),
            GraphTensor("target_places", "int32", (1,)),
            GraphTensor("source_places", "int32", (1,)),
            *caches,
        ),
        outputs=(
            GraphTensor("candidate_ids", "int64", ("rows", CANDIDATES)),
            GraphTensor("candidate_log_probs", "float", ("rows", CANDIDATES)),
            *_updated(caches),
        ),
    )


def plain_encoder_contract(config: TransformerConfig) -> GraphContract:
    """Of the encoder that PyTorch alone runs; see `plain.PlainEncoder.forward`."""
    shape = (2 * config.decoder_layers, "batch", config.decoder_heads, "source")
    return GraphContract(
        inputs=(
            GraphTensor("token_ids", "int64", ("batch", "source")),
            GraphTensor("source_mask", "bool", ("batch", "source")),
        ),
        outputs=(
            GraphTensor("cross_key_value", config.cache_type, (*shape, config.decoder_head_dim)),
        ),
    )


def plain_decoder_contract(config: TransformerConfig) -> GraphContract:
    """Likewise of the decoder, which updates its caches in place; see `plain.PlainStep.forward`."""
    return GraphContract(
        inputs=(
            GraphTensor("token_ids", "int64", ("rows",)),
            GraphTensor("positions", "int64", ("rows",)),
            GraphTensor("target_mask", "bool", ("rows", "target_capacity")),
            GraphTensor("source_mask", "bool", ("rows", "source_capacity")),
            *_caches(config, sources="rows"),
        ),
        outputs=(GraphTensor("logits", "float", ("rows", config.padded_vocabulary_size)),),
    )


def attention_contract(config: TransformerConfig) -> GraphContract:
    """Of the graph that has weights; see `forced_attention.ForcedAttention.forward`."""
    encoder, decoder = config.encoder_heads, config.decoder_heads
    kinds = {
        "encoder": (config.encoder_layers, encoder, ("source", "source")),
        "decoder": (0 if config.recurrent else config.decoder_layers, decoder, ("target",) * 2),
        "cross": (config.decoder_layers, decoder, ("target", "source")),
    }
    return GraphContract(
        inputs=tuple(
            tensor
            for side in ("source", "target")
            for tensor in (
                GraphTensor(f"{side}_ids", "int64", (f"{side}_tokens",)),
                GraphTensor(f"{side}_positions", "int64", (f"{side}_tokens",)),
                GraphTensor(f"{side}_padded", "int64", ("batch", side)),
                GraphTensor(f"{side}_packed", "int64", (f"{side}_tokens",)),
                GraphTensor(f"{side}_last", "int32", ("batch",)),
            )
        ),
        outputs=tuple(
            GraphTensor(f"{kind}_attention_{layer}", "float", ("batch", heads, *places))
            for kind, (layers, heads, places) in kinds.items()
            for layer in range(layers)
        ),
    )


def _caches(config: TransformerConfig, sources: str) -> list[GraphTensor]:
    """Of all layers; `sources` is what the cross-attention caches have one of."""
    return [
        cache
        for layer in range(config.decoder_layers)
        for cache in _layer_caches(config, layer, sources)
    ]


def _updated(caches: list[GraphTensor]) -> list[GraphTensor]:
    return [cache._replace(name=f"{cache.name}_out") for cache in caches]


def _layer_caches(config: TransformerConfig, layer: int, sources: str) -> list[GraphTensor]:
    """In the order of the cache's fields; the layer's number follows their names: `self_key_0`."""
    heads, head_dim = config.decoder_heads, config.decoder_head_dim
    own = (config.cache_type, ("rows", heads, "target_capacity", head_dim))
    cross = (config.cache_type, (sources, heads, "source_capacity", head_dim))
    kinds = {
        "self_key": own,
        "self_value": own,
        "self_state": ("float", ("rows", config.model_dim)),
        "cross_key": cross,
        "cross_value": cross,
    }
    return [GraphTensor(f"{name}_{layer}", *kinds[name]) for name in cache_kind(config)._fields]
