"""Subcommands for the tests of the command line."""

import importlib


def echo(argv: list[str]) -> int:
    print(" ".join(argv))
    return 7


def needs_torch(argv: list[str]) -> int:
    importlib.import_module("torch_of_the_test.nn")
    return len(argv)


def needs_onnxruntime(argv: list[str]) -> int:
    importlib.import_module("onnxruntime_of_the_test")
    return len(argv)


def has_a_bug(argv: list[str]) -> int:
    importlib.import_module("dragoman_server.no_such_module")
    return len(argv)


def interrupted(argv: list[str]) -> int:
    raise KeyboardInterrupt(argv)
