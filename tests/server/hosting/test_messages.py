"""Outcomes and options are after their way what they were before it."""

import pickle

import pytest

from dragoman_server.errors import BackendError
from dragoman_server.hosting.messages import outcome_of, pack_options, plainly, unpack_options
from dragoman_server.sequence import (
    Completion,
    FinishReason,
    Hypothesis,
    RequiredSequence,
    Timing,
    TranslationOptions,
)

PLAIN = Completion([4, 5], FinishReason.LENGTH, -0.5)


@pytest.mark.parametrize(
    "completion",
    [
        PLAIN,
        PLAIN._replace(score=None, finish_reason=FinishReason.STOP),
        Completion([], FinishReason.CANCELLED, None),
        PLAIN._replace(token_scores=[-0.25, -0.25]),
        PLAIN._replace(hypotheses=(Hypothesis([4], FinishReason.STOP, -1.0),)),
        PLAIN._replace(timing=Timing(1.0, 2.0, 3.0, 4.0, 5.0)),
    ],
)
def test_a_completion_arrives_whole(completion: Completion) -> None:
    arrived = outcome_of(pickle.loads(pickle.dumps(plainly(completion))))
    assert isinstance(arrived, Completion)
    assert arrived == completion


def test_an_error_arrives_as_it_is() -> None:
    error = BackendError("broken")
    assert outcome_of(plainly(error)) is error


def test_options_arrive_whole() -> None:
    options = TranslationOptions(
        9, beam_size=2, required_sequences=(RequiredSequence(((1, 2),)),), seed=3
    )
    assert unpack_options(pack_options(options)) == options
