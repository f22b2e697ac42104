"""Imports the package first, and with it what a bare machine needs."""

import tests.gpu  # noqa: F401
