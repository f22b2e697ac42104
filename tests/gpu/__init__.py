"""Runs without the client's libraries: see bare.py."""

from tests.gpu.bare import allow_wire_types_alone

allow_wire_types_alone()
