import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from transformers.generation import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

from dragoman_server.search.sampling import Sampler
from dragoman_server.sequence import TranslationOptions


def some_logits(seed: int, size: int = 40) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(scale=2, size=size).astype(np.float32)


def sampler(topk: int, topp: float = 1.0, temperature: float = 1.0, seed: int = 0) -> Sampler:
    options = TranslationOptions(
        9, sampling_topk=topk, sampling_topp=topp, sampling_temperature=temperature, seed=seed
    )
    return Sampler(options)


@pytest.mark.parametrize("topk", [2, 10, 100])
@pytest.mark.parametrize("topp", [0.05, 0.5, 0.95, 1.0])
@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.0])
def test_tokens_are_drawn_as_often_as_transformers_warpers_have_it(
    topk: int, topp: float, temperature: float
) -> None:
    logits = some_logits(topk)
    warped = TemperatureLogitsWarper(temperature)(torch.empty(0), torch.tensor(logits[None]))
    warped = TopKLogitsWarper(topk)(torch.empty(0), warped)
    expected = TopPLogitsWarper(topp)(torch.empty(0), warped).softmax(dim=1)[0].numpy()
    subject, draws = sampler(topk, topp, temperature), 4000
    counts = np.bincount([subject.draw(logits) for _ in range(draws)], minlength=len(logits))
    assert set(np.flatnonzero(counts)) <= set(np.flatnonzero(expected))
    # five standard deviations
    tolerance = 5 * np.sqrt(expected * (1 - expected) / draws)
    assert (abs(counts / draws - expected) <= tolerance + 1e-9).all()


def test_a_seed_always_draws_the_same() -> None:
    logits = some_logits(1)
    first, second, other = sampler(40, seed=7), sampler(40, seed=7), sampler(40, seed=8)
    draws = [first.draw(logits) for _ in range(50)]
    assert draws == [second.draw(logits) for _ in range(50)]
    assert draws != [other.draw(logits) for _ in range(50)]


def test_forbidden_candidates_are_never_drawn() -> None:
    logits = np.array([-np.inf, 1.0, -np.inf, 0.0], np.float32)
    subject = sampler(4)
    assert {subject.draw(logits) for _ in range(100)} == {1, 3}


def test_further_candidates_change_no_draw() -> None:
    logits = np.sort(some_logits(2))[::-1].copy()
    few, many = sampler(5, seed=3), sampler(5, seed=3)
    assert [few.draw(logits[:5]) for _ in range(50)] == [many.draw(logits) for _ in range(50)]
