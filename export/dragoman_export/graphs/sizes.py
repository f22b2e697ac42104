"""How much room a model's graphs take. Knows formats and precisions; does not know disks."""

from dragoman_export.graphs.formats import PLAIN, GraphFormat
from dragoman_export.network import TransformerConfig

ONNX_BYTES = {"float32": 4, "float16": 4, "bfloat16": 4, "int8": 1}
"""For each number of a model. Graphs for a GPU are verified in float32 too."""


def least_bytes(
    graph_format: GraphFormat,
    config: TransformerConfig,
    parameters: int,
    precision: str,
    *,
    with_attention: bool,
) -> int:
    """Of disk, while the bundle is made.

    Those of ONNX share one file of weights. Of the others each has its own: the encoder and the
    decoder the embedding, where they share it, and the graph of attention weights all but the
    output projection once more.

    Args:
        graph_format: Of the graphs.
        config: Of the model.
        parameters: Numbers that it has.
        precision: Of its layers; embeddings and the output projection are float32.
        with_attention: Whether there is the graph of attention weights.
    """
    if graph_format.name not in PLAIN:
        return parameters * ONNX_BYTES[precision]
    targets = sources = embeddings = config.vocabulary_size * config.model_dim
    if config.source_vocabulary_size is not None:
        sources = config.source_vocabulary_size * config.model_dim
        embeddings += sources
    head = 0 if config.tied_output else targets
    layers = (parameters - embeddings - head) * (4 if precision == "float32" else 2)
    decoding = layers + 4 * (sources + targets + head)
    return decoding + (layers + 4 * embeddings if with_attention else 0)
