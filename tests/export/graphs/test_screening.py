"""The best token found in 8 bits is that of the float32 product, and no row knows of another."""

import warnings

import numpy as np
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.export import Dim

from dragoman_export.graphs import schemas
from dragoman_export.graphs.translations import translations
from dragoman_export.network import SUPPRESSED_BIAS, ScreenedLinear
from dragoman_export.precision.quantise import QuantisedWeight

VOCABULARY, WIDTH = 2048, 64
SUPPRESSED = 5
END = 200
TWINS = (300, 301)
"""Tokens that differ in the last bits of their weights."""

Results = list[NDArray[np.generic]]


class Output(nn.Module):
    """An output projection with random weights."""

    def __init__(self) -> None:
        super().__init__()
        random = torch.Generator().manual_seed(0)
        self.embedding = nn.Embedding(VOCABULARY, WIDTH)
        weight = torch.randn(VOCABULARY, WIDTH, generator=random)
        weight[TWINS[1]] = weight[TWINS[0]] * (1 + 1e-7)
        self.embedding.weight = nn.Parameter(weight, requires_grad=False)
        bias = torch.zeros(VOCABULARY)
        bias[SUPPRESSED] = SUPPRESSED_BIAS
        copy = QuantisedWeight(weight.t())
        self.head = ScreenedLinear(self.embedding, bias, copy.weight, copy.weight_scale, END)

    def forward(
        self, x: Tensor, count: Tensor, with_normalizers: Tensor, wanted_ids: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return self.head.candidates(x, count, with_normalizers, wanted_ids)


@pytest.fixture(scope="module")
def output() -> Output:
    return Output()


@pytest.fixture(scope="module")
def session(output: Output) -> onnxruntime.InferenceSession:
    schemas.register()
    examples = (torch.ones(3, WIDTH), torch.tensor([1]), torch.tensor(True), torch.tensor([1, 2]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            output,
            examples,
            dynamo=True,
            verbose=False,
            opset_version=18,
            input_names=["x", "count", "with_normalizers", "wanted_ids"],
            dynamic_shapes=({0: Dim("rows")}, {}, {}, {0: Dim("wanted")}),
            custom_translation_table=translations(),
        )
    assert program is not None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(
        program.model_proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def states(output: Output, tokens: NDArray[np.int64], lead: float) -> NDArray[np.float32]:
    """States that say `tokens`, the more surely the larger `lead` is."""
    weight = output.embedding.weight.numpy()[tokens]
    noise = np.random.default_rng(1).standard_normal(weight.shape)
    return (noise + lead * weight).astype(np.float32)


def run(
    session: onnxruntime.InferenceSession,
    x: NDArray[np.float32],
    count: int = 1,
    wanted: tuple[int, ...] = (),
    *,
    with_normalizers: bool = False,
) -> Results:
    found: Results = session.run(
        None,
        {
            "x": x,
            "count": np.array([count]),
            "with_normalizers": np.array(with_normalizers),
            "wanted_ids": np.array(wanted, np.int64),
        },
    )
    return found


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("lead", [0.0, 0.2, 1.0])
def test_the_best_token_is_that_of_the_float32_product(
    output: Output, session: onnxruntime.InferenceSession, lead: float, count: int
) -> None:
    x = states(output, np.arange(10, 510), lead)
    ids, values, normalizers, wanted = run(session, x, count)
    whole_ids, whole_values, _, _ = run(session, x, count, with_normalizers=True)
    assert np.array_equal(ids[:, 0], whole_ids[:, 0])
    assert np.allclose(values[:, 0], whole_values[:, 0], rtol=0, atol=1e-4)
    assert not normalizers.any()
    assert wanted.shape == (len(x), 0)
    assert SUPPRESSED not in ids


@pytest.mark.parametrize(("best", "is_computed"), [(END, True), (END + 1, False)])
def test_a_second_that_is_not_proven_is_computed_after_the_end_token_alone(
    output: Output, session: onnxruntime.InferenceSession, best: int, *, is_computed: bool
) -> None:
    weight = output.embedding.weight.numpy()
    noise = np.random.default_rng(2).standard_normal((100, WIDTH))
    x = (noise + 1.5 * weight[best] + weight[TWINS[0]]).astype(np.float32)
    ids, values, _, _ = run(session, x, 2)
    whole_ids, whole_values, _, _ = run(session, x, 2, with_normalizers=True)
    hard = (whole_ids[:, 0] == best) & np.isin(whole_ids[:, 1], TWINS)
    assert hard.sum() > 50
    assert np.array_equal(ids[:, 0], whole_ids[:, 0])
    assert np.array_equal(values[hard], whole_values[hard]) == is_computed


def test_it_is_looked_for_in_8_bits(output: Output, session: onnxruntime.InferenceSession) -> None:
    """Its logit is then summed in another order, which shows in the last bits of some."""
    x = states(output, np.arange(10, 290), 1.0)
    assert not np.array_equal(run(session, x)[1], run(session, x, with_normalizers=True)[1])


def test_what_is_not_proven_has_the_bits_of_the_float32_product(
    output: Output, session: onnxruntime.InferenceSession
) -> None:
    x = states(output, np.array([TWINS[0], 40, TWINS[1], 0]), 1.0)
    x[3] = 0  # all tokens are as good
    whole = run(session, x, with_normalizers=True)
    ids, values, _, _ = run(session, x)
    unproven = [0, 2, 3]
    assert np.array_equal(ids, whole[0])
    assert np.array_equal(values[unproven], whole[1][unproven])


def test_a_row_has_the_same_bits_alone_and_beside_rows_that_are_not_proven(
    output: Output, session: onnxruntime.InferenceSession
) -> None:
    tokens = np.array([TWINS[0], 40, 700, TWINS[1], 90])
    x = states(output, tokens, 1.0)
    together = run(session, x)
    for row in range(len(x)):
        alone = run(session, x[row : row + 1])
        assert alone[0][0] == together[0][row]
        assert alone[1][0] == together[1][row]


def test_more_than_the_best_token_is_computed_in_float32(
    output: Output, session: onnxruntime.InferenceSession
) -> None:
    x = states(output, np.arange(20, 40), 0.3)
    logits = output.head(torch.from_numpy(x))
    best, ids = logits.topk(5)
    found = run(session, x, 5, (7, 40), with_normalizers=True)
    assert np.array_equal(found[0], ids.numpy())
    assert np.allclose(found[1], best.numpy(), rtol=0, atol=1e-4)
    assert np.allclose(found[2], logits.logsumexp(dim=1).numpy(), rtol=0, atol=1e-4)
    assert np.allclose(found[3], logits[:, [7, 40]].numpy(), rtol=0, atol=1e-4)
    for value, again in zip(run(session, x, 5)[:2], found[:2], strict=True):
        assert np.array_equal(value, again)
