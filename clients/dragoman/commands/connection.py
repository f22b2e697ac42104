"""A channel to the server that the flags name, for commands that make calls of their own.

Knows flags, keys and channels. Does not know the calls.
"""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager

import grpc

from dragoman.channel import open_channel
from dragoman.commands.arguments import api_key, credentials
from dragoman.credentials import Metadata, as_api_key, metadata_of
from dragoman.status import error_from_rpc
from dragoman.target import Target, as_address


@contextmanager
def connected(arguments: argparse.Namespace) -> Iterator[tuple[grpc.Channel, Metadata]]:
    """Opens a channel while the context is open, and says what calls are to be sent with.

    It has not the client's own options: they keep calls from a server that does not serve.

    Raises:
        DragomanError: A call in the context failed, or a flag is wrong.
        OSError: A file cannot be read.
    """
    tls = credentials(arguments)
    target = Target(as_address(arguments.target), tls=tls is not None)
    key = as_api_key(api_key(arguments), target, insecure=arguments.insecure_api_key)
    with open_channel(target.address, tls, options=()) as channel:
        try:
            yield channel, metadata_of(key)
        except grpc.RpcError as error:
            raise error_from_rpc(error, target) from None
