import pytest

from dragoman_export.growth.fit import Polynomial, fit, meeting

LENGTHS = [8, 16, 32, 64, 128, 256]


def values(of: Polynomial) -> list[float]:
    return [of.at(length) for length in LENGTHS]


@pytest.mark.parametrize(
    "exact",
    [
        Polynomial(2e-4, 3e-5, 4e-8),
        Polynomial(0.0, 3e-5, 4e-8),
        Polynomial(2e-4, 0.0, 4e-8),
        Polynomial(2e-4, 3e-5, 0.0),
        Polynomial(0.0, 0.0, 4e-8),
    ],
)
def test_what_is_a_polynomial_is_found(exact: Polynomial) -> None:
    assert fit(LENGTHS, values(exact)) == pytest.approx(exact, rel=1e-6, abs=1e-12)


def test_no_coefficient_is_negative() -> None:
    flat = [1.0, 1.1, 1.15, 1.18, 1.19, 1.2]  # bends the other way
    found = fit(LENGTHS, flat)
    assert min(found) >= 0
    assert found.quadratic == 0
    assert found.at(64) == pytest.approx(1.15, rel=0.1)


def test_what_has_no_square_is_fitted_without_one() -> None:
    exact = Polynomial(2e-4, 3e-5, 4e-8)
    found = fit(LENGTHS, values(exact), powers=(0, 1))
    assert found.quadratic == 0
    assert found.linear > exact.linear


def test_noise_of_one_size_at_every_length_moves_it_little() -> None:
    exact = Polynomial(2e-4, 3e-5, 4e-8)
    noisy = [value * factor for value, factor in zip(values(exact), [1.02, 0.98] * 3, strict=True)]
    even = fit(LENGTHS, noisy).even
    assert even is not None
    assert even == pytest.approx(750, rel=0.25)


def test_the_parts_are_even_where_they_are_as_much() -> None:
    assert Polynomial(1.0, 3e-5, 4e-8).even == pytest.approx(750)
    assert Polynomial(1.0, 3e-5, 0.0).even is None
    assert Polynomial(1.0, 0.0, 4e-8).even is None


def test_powers_meet_where_they_are_equal() -> None:
    first = [length**2 for length in LENGTHS]
    second = [50.0 * length for length in LENGTHS]
    assert meeting(LENGTHS, first, second) == pytest.approx(50)


def test_the_last_meeting_counts() -> None:
    first = [1.0, 3.0, 1.0, 3.0, 3.0, 3.0]
    found = meeting(LENGTHS, first, [2.0] * 6)
    assert found is not None
    assert 32 < found < 64


@pytest.mark.parametrize("first", [[1.0] * 6, [3.0] * 6, [3.0, 3.0, 3.0, 3.0, 3.0, 1.0]])
def test_what_does_not_come_to_meet_has_no_meeting(first: list[float]) -> None:
    assert meeting(LENGTHS, first, [2.0] * 6) is None
