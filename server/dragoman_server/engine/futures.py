"""How a text's outcome becomes its future's. Knows asyncio; knows nothing of engines."""

import asyncio

from dragoman_server.sequence import Completion, Outcome


def settle(future: asyncio.Future[Completion], outcome: Outcome) -> None:
    """Ends the future, unless it has ended or nobody waits for it any longer."""
    if future.done():
        return
    if isinstance(outcome, Completion):
        future.set_result(outcome)
    else:
        future.set_exception(outcome)
