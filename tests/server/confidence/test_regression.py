import pytest

from dragoman.v1 import bundle_pb2 as pb
from dragoman_server.confidence.regression import Regression


def regression(**weights: float) -> Regression:
    features = [pb.Feature(name=name, weight=weight) for name, weight in weights.items()]
    return Regression(pb.Regression(intercept=0.5, features=features), ("a", "b"))


def test_features_count_by_their_names_whatever_their_order() -> None:
    assert regression(b=2, a=1).of((0.5, 0.5)) == pytest.approx(1 / (1 + 2.718281828**-2))
    assert regression(b=2).of((9.0, -0.25)) == 0.5


def test_however_far_a_sum_is_it_is_a_share() -> None:
    assert regression(a=1e300).of((1e300, 0)) == 1.0
    assert regression(a=1e300).of((-1e300, 0)) < 1e-300
    assert regression(a=1).of((-1e4, 0)) >= 0.0
