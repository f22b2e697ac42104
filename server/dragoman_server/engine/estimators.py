"""Running estimates of what drifts: a mean, a line, a quantile. Recent values count most.

Pure arithmetic on a handful of floats, about a microsecond a value. One thread observes; any thread
may read meanwhile, without a lock: each float is replaced at once, and what is read between two of
them is off by less than one observation weighs. Knows nothing of what is measured.
"""

import math

RIDGE = 0.25
"""Added to the variance of x: where x hardly varies there is no slope to be seen, and none is
claimed."""

OUTLIER = 10
"""A y so many times higher than a line through the origin would explain counts as so many times: a
process that was suspended once has not become slow."""


class Mean:
    """The mean of about the last `memory` values; 0 before the first."""

    def __init__(self, memory: int) -> None:
        self._memory = memory
        self.count = 0
        self.value = 0.0

    def observe(self, value: float, times: int = 1) -> None:
        """Takes a value in, as the mean of so many."""
        self.count += times
        self.value += (value - self.value) * min(1.0, times / min(self.count, self._memory))


class Least:
    """The least of the last values, at least `memory` and at most twice as many; 0 before them."""

    def __init__(self, memory: int) -> None:
        self._memory = memory
        self._count = 0
        self._before, self._now = 0.0, math.inf

    @property
    def value(self) -> float:
        """The least; 0 before there were `memory` values."""
        return min(self._before, self._now)

    def observe(self, value: float, times: int = 1) -> None:
        """Takes a value in, as the least of so many."""
        self._now = min(self._now, value)
        self._count += times
        if self._count >= self._memory:
            self._count = 0
            self._before, self._now = self._now, math.inf


class Line:
    """y as a linear function of x, by exponentially weighted least squares; 0 before the first.

    For quantities that are not negative and do not fall as x grows: neither the line at x = 0 nor
    its slope is ever below 0.
    """

    def __init__(self, memory: int) -> None:
        self._memory = memory
        self.count = 0
        self._mean_x = self._mean_y = 0.0
        self._variance = self._covariance = 0.0

    def observe(self, x: float, y: float, times: int = 1) -> None:
        """Takes a point in, as the mean of so many; x is above 0."""
        dx = x - self._mean_x
        if self.count >= OUTLIER:
            y = min(y, OUTLIER * self._mean_y * max(1.0, x / self._mean_x))
        dy = y - self._mean_y
        self.count += times
        weight = min(1.0, times / min(self.count, self._memory))
        self._mean_x += weight * dx
        self._mean_y += weight * dy
        self._variance = (1 - weight) * (self._variance + weight * dx * dx)
        self._covariance = (1 - weight) * (self._covariance + weight * dx * dy)

    def at(self, x: float) -> float:
        """Returns the y to expect at x, which is 0 or more."""
        return self.intercept + self.slope * x

    @property
    def slope(self) -> float:
        """By how much y grows with x."""
        if not self.count:
            return 0.0
        slope = max(0.0, self._covariance / (self._variance + RIDGE))
        return min(slope, self._mean_y / self._mean_x)

    @property
    def intercept(self) -> float:
        """The y to expect at 0."""
        return self._mean_y - self.slope * self._mean_x


class WideLine:
    """y as a linear function of x, over orders of magnitude of x, which are remembered apart.

    So what y is at a small x is still known when x has been large for long, and the other way
    round. Each order's mean counts as much as any other's, by its relative error.
    """

    def __init__(self, memory: int) -> None:
        self._memory = memory
        self._means: dict[int, tuple[Mean, Mean]] = {}

    def observe(self, x: int, y: float, times: int = 1) -> None:
        """Takes a point in, as the mean of so many; x is above 0."""
        order = (x - 1).bit_length()
        if (means := self._means.get(order)) is None:
            means = self._means[order] = Mean(self._memory), Mean(self._memory)
        mean_x, mean_y = means
        if mean_y.count > OUTLIER and mean_y.value:
            y = min(y, OUTLIER * mean_y.value)
        mean_x.observe(x, times)
        mean_y.observe(y, times)

    def line(self) -> tuple[float, float]:
        """Returns the y to expect at 0 and by how much it grows with x; neither is below 0.

        Where only one order of magnitude has been seen, y is taken to be proportional to x. Both
        are 0 before there was any.
        """
        # A clock that stood still says nothing of what anything takes.
        seen = [(x.value, y.value) for x, y in self._means.values() if y.count > OUTLIER]
        points = [(x, y) for x, y in seen if y > 0]
        if not points[1:]:
            return 0.0, points[0][1] / points[0][0] if points else 0.0
        weights = [1 / (y * y) for _, y in points]
        total = sum(weights)
        mean_x = sum(w * x for w, (x, _) in zip(weights, points, strict=True)) / total
        mean_y = sum(w * y for w, (_, y) in zip(weights, points, strict=True)) / total
        variance = sum(w * (x - mean_x) ** 2 for w, (x, _) in zip(weights, points, strict=True))
        covariance = sum(
            w * (x - mean_x) * (y - mean_y) for w, (x, y) in zip(weights, points, strict=True)
        )
        slope = min(max(0.0, covariance / variance), mean_y / mean_x)
        return mean_y - slope * mean_x, slope


class Quantile:
    """The value that a `share` of the observed ones do not exceed, by stochastic approximation.

    It goes up by share * step where a value exceeds it and down by (1 - share) * step where not, so
    that it rests where a `share` of them do not. It starts at 1 and stays between the bounds.
    """

    def __init__(self, share: float, *, step: float, lowest: float, highest: float) -> None:
        self._up, self._down = step * share, step * (1 - share)
        self._lowest, self._highest = lowest, highest
        self.value = 1.0

    def observe(self, value: float) -> None:
        """Takes a value in."""
        if value > self.value:
            self.value = min(self.value + self._up, self._highest)
        else:
            self.value = max(self.value - self._down, self._lowest)
