"""Single calls, each sent again until it is answered or there is no more sense in it.

Knows what is tried again, for how long and how often. Does not know what the calls are for.
"""

from dragoman.calls.async_call import AsyncCall, is_cancelled
from dragoman.calls.call import Call
from dragoman.calls.retry import Attempts, Retries, may_pass

__all__ = ["AsyncCall", "Attempts", "Call", "Retries", "is_cancelled", "may_pass"]
