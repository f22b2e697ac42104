"""A translation as it grows: in additions of which none is taken back, sent as events.

Knows what of beginnings is settled, and how events are written. Does not know what they say.
"""

import json
from collections.abc import AsyncGenerator

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from dragoman.v1.translation_pb2 import StreamTranslateTextResponse, Translation
from dragoman_server.interfaces.http.refusals import Refusal, RefusedError, refusal_in

DONE = "[DONE]"
"""The last event, as OpenAI has it."""


class Growing:
    """One translation.

    Attributes:
        translation: Once it is finished.
    """

    def __init__(self) -> None:
        self.translation: Translation | None = None
        self._sent = ""

    def addition(self, answer: StreamTranslateTextResponse) -> str:
        """Returns what an answer adds to what was said before; nothing where nothing is settled.

        Raises:
            RefusedError: There is no translation.
        """
        kind = answer.WhichOneof("result")
        if kind == "error":
            raise RefusedError(refusal_in(answer.error), was_call=True)
        if kind == "translation":
            self.translation = answer.translation
            text = answer.translation.translated_text
        else:
            text = answer.partial_text[: answer.settled_length]
        if len(text) < len(self._sent) and self.translation is None:
            return ""
        if not text.startswith(self._sent):
            message = "the translation does not begin with what was said of it before"
            raise RefusedError(Refusal("INTERNAL", message, "INTERNAL"), was_call=True)
        added, self._sent = text[len(self._sent) :], text
        return added


class EventStream(Response):
    """An answer of server-sent events, each with an object of JSON, that goes as they come.

    Args:
        events: Closed when this ends, however that is.
    """

    def __init__(self, events: AsyncGenerator[object, None]) -> None:
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        super().__init__(media_type="text/event-stream", headers=headers)
        del self.headers["content-length"]
        self._events = events

    async def __call__(
        self,
        scope: Scope,  # noqa: ARG002  as every ASGI application
        receive: Receive,  # noqa: ARG002
        send: Send,
    ) -> None:
        """Sends them."""
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        try:
            await send(start)
            async for event in self._events:
                await _send(send, json.dumps(event, ensure_ascii=False))
            await _send(send, DONE)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            await self._events.aclose()


async def _send(send: Send, data: str) -> None:
    body = f"data: {data}\n\n".encode()
    await send({"type": "http.response.body", "body": body, "more_body": True})
