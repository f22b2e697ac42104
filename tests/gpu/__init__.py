"""Runs without the libraries of the client and of most of the server: see bare.py."""

from tests.gpu.bare import allow_bare_machines

allow_bare_machines()
