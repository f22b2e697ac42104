"""How urgent texts are, from the wire to the engine."""

import pytest

from dragoman.v1.translation_pb2 import (
    PRIORITY_BULK,
    PRIORITY_INTERACTIVE,
    PRIORITY_UNSPECIFIED,
    StreamTranslateTextRequest,
    TranslateTextRequest,
)
from dragoman.v1.translation_pb2 import Priority as PriorityNumber
from dragoman_server.engine import Priority
from tests.server.service.harness import Running, failure_of, read

PRIORITIES = [
    (PRIORITY_UNSPECIFIED, Priority.INTERACTIVE),
    (PRIORITY_INTERACTIVE, Priority.INTERACTIVE),
    (PRIORITY_BULK, Priority.BULK),
]


@pytest.mark.parametrize(("asked", "priority"), PRIORITIES)
async def test_a_calls_priority_reaches_the_engine(
    server: Running, asked: "PriorityNumber.ValueType", priority: Priority
) -> None:
    server.engine.echo = True
    await server.stub.TranslateText(TranslateTextRequest(contents=["a", "b"], priority=asked))
    assert [text.sender.priority for text in server.engine.texts] == [priority] * 2


async def test_each_text_of_a_stream_has_its_own_priority(server: Running) -> None:
    server.engine.echo = True
    call = server.stub.StreamTranslateText()
    for asked, _ in PRIORITIES:
        await call.write(StreamTranslateTextRequest(id=f"{asked}", content="a", priority=asked))
    await call.done_writing()
    texts = await server.engine.has_texts(3)
    assert [text.sender.priority for text in texts] == [priority for _, priority in PRIORITIES]


async def test_a_priority_of_a_later_version_is_refused(server: Running) -> None:
    request = TranslateTextRequest.FromString(bytes([6 << 3, 3]))
    request.contents.append("a")
    failure = await failure_of(server.stub.TranslateText(request))
    assert failure.message == "priority is 3; allowed: 0 to 2"
    assert not server.engine.texts


async def test_in_a_stream_it_is_refused_for_that_text_alone(server: Running) -> None:
    server.engine.echo = True
    call = server.stub.StreamTranslateText()
    wrong = StreamTranslateTextRequest.FromString(bytes([8 << 3, 9]))
    wrong.id, wrong.content = "1", "a"
    await call.write(wrong)
    answer = await read(call)
    assert answer.id == "1"
    assert "priority is 9" in answer.error.message
    await call.write(StreamTranslateTextRequest(id="2", content="a"))
    assert (await read(call)).translation.translated_text == "a"
    await call.done_writing()
