"""A step with lists says of listed tokens, to the last bit, what the step without them says."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray

from dragoman_export.graphs import CPU, DECODER, LISTED, write_graphs
from dragoman_export.graphs.trace import trace
from dragoman_export.network import SUPPRESSED_BIAS, TiedLinear, Transformer, TransformerConfig
from dragoman_export.precision.calibrate import Calibration
from dragoman_export.precision.listed import TokenWeights, listed, token_weights
from dragoman_export.precision.quantise import quantise
from dragoman_export.verification.graph_decoding import RESULTS, cpu_session, nothing_shared

CONFIG = TransformerConfig(
    encoder_layers=1,
    decoder_layers=1,
    model_dim=64,
    encoder_heads=2,
    decoder_heads=2,
    encoder_hidden_dim=32,
    decoder_hidden_dim=32,
    vocabulary_size=600,
    max_positions=32,
    activation="relu",
)
ROWS = 5
TOKENS = CONFIG.padded_vocabulary_size
NAMES = (*RESULTS, "wanted_logits")
Arrays = Mapping[str, NDArray[Any]]


class Graphs(NamedTuple):
    whole: onnxruntime.InferenceSession
    listed: onnxruntime.InferenceSession
    projection: TokenWeights

    def run(self, ids: NDArray[np.int64], order: NDArray[np.int64], **given: object) -> Arrays:
        """The step with lists `ids` (rows, listed), where the union has tokens in some order."""
        columns = np.full(TOKENS + 1, len(order))  # behind the union no token stands
        columns[order] = np.arange(len(order))
        weights, scales, biases = self.projection
        inputs = _inputs(len(ids), **given)
        wanted = inputs.pop("wanted_ids")
        lists = {
            "union_weight": np.pad(weights[order].T, ((0, 0), (0, 1))),
            "union_scale": np.append(scales[order], np.float32(0)),
            "union_bias": np.append(biases[order], np.float32(-np.inf)),
            "list_columns": columns[ids],
            "list_ids": ids,
            "wanted_columns": columns[wanted],
        }
        found = self.listed.run(list(NAMES), inputs | lists)
        return dict(zip(NAMES, found, strict=True))

    def run_whole(self, **given: object) -> Arrays:
        found = self.whole.run(list(NAMES), _inputs(ROWS, **given))
        return dict(zip(NAMES, found, strict=True))


def _inputs(rows: int, **given: object) -> dict[str, NDArray[np.generic]]:
    random = np.random.default_rng(3)
    caches = {
        f"{name}_0": random.standard_normal((ROWS, 2, places, 32), np.float32)[:rows]
        for name, places in {
            "self_key": 9,
            "self_value": 9,
            "cross_key": 7,
            "cross_value": 7,
        }.items()
    }
    return {
        "token_ids": np.arange(1, rows + 1),
        "positions": np.full(rows, 8, np.int32),
        "source_last": np.full(rows, 6, np.int32),
        "candidate_count": np.array([given.get("count", 4)]),
        "with_normalizers": np.array(given.get("with_normalizers", True)),
        "wanted_ids": np.array(given.get("wanted", []), np.int64),
        **nothing_shared(2),
        **caches,
    }


@pytest.fixture(scope="module", params=["per_row", "per_row_biased", "calibrated"])
def graphs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Graphs:
    """With each kind of output projection that quantising makes."""
    directory = tmp_path_factory.mktemp(request.param)
    torch.manual_seed(0)
    transformer = Transformer.empty(CONFIG)
    for parameter in transformer.parameters():
        parameter.data.normal_(std=0.3)
    head = transformer.decoder.head
    assert isinstance(head, TiedLinear)
    if request.param == "per_row":
        head.bias.data.zero_()
        head.bias.data[TOKENS - 1] = SUPPRESSED_BIAS
    calibration = None
    if request.param == "calibrated":
        places = [
            f"{side}.{name}"
            for side in ("encoder", "decoder")
            for name, _ in getattr(transformer, side).named_modules()
        ]
        calibration = Calibration(dict.fromkeys(places, 3.0), {})
    quantised = quantise(transformer, calibration)
    step = listed(quantised.decoder)
    write_graphs(trace(quantised, CPU, listed=step), directory)
    whole, with_lists = (cpu_session(directory / name) for name in (DECODER, LISTED))
    return Graphs(whole, with_lists, token_weights(quantised.decoder))


def test_lists_of_all_tokens_change_nothing(graphs: Graphs) -> None:
    order = np.random.default_rng(0).permutation(TOKENS)
    everything = np.tile(np.arange(TOKENS), (ROWS, 1))
    given = {"count": 40, "wanted": [3, 599, 3]}
    found, whole = graphs.run(everything, order, **given), graphs.run_whole(**given)
    for name in NAMES:
        assert np.array_equal(found[name], whole[name]), name


def test_a_row_is_the_same_whatever_else_is_in_the_union(graphs: Graphs) -> None:
    """Wherever its tokens stand, and however long lists are laid out."""
    random = np.random.default_rng(1)
    lists = [np.sort(random.choice(TOKENS - 1, 100, replace=False)) for _ in range(ROWS)]
    wide = np.full((ROWS, 512), TOKENS)
    wide[:, :100] = lists
    together = graphs.run(wide, random.permutation(TOKENS), wanted=[7, 9])
    narrow = np.full((ROWS, 128), TOKENS)
    narrow[:, :100] = lists
    every = np.unique(np.concatenate(([7, 9], lists[0])))
    alone = graphs.run(narrow[:1], every, wanted=[7, 9])
    for name in NAMES:
        assert np.array_equal(alone[name][0], together[name][0]), name


def test_only_listed_tokens_have_a_probability(graphs: Graphs) -> None:
    ids = np.full((ROWS, 128), TOKENS)
    ids[:, :10] = np.arange(10, 110, 10)
    found = graphs.run(ids, np.arange(TOKENS), count=12)
    whole = graphs.run_whole(count=TOKENS)
    assert np.isneginf(found["candidate_logits"][:, 10:]).all()
    for row in range(ROWS):
        logits = dict(zip(whole["candidate_ids"][row], whole["candidate_logits"][row], strict=True))
        best = found["candidate_ids"][row, :10].tolist()
        assert best == sorted(range(10, 110, 10), key=lambda token: -logits[token])
        assert found["candidate_logits"][row, :10].tolist() == [logits[token] for token in best]
        total = np.log(np.exp(np.array([logits[token] for token in best], np.float64)).sum())
        assert found["log_normalizers"][row] == pytest.approx(total, abs=1e-5)


def test_normalizers_nobody_wants_are_zeros(graphs: Graphs) -> None:
    ids = np.tile(np.arange(128), (ROWS, 1))
    found = graphs.run(ids, np.arange(TOKENS), with_normalizers=False)
    assert not found["log_normalizers"].any()
