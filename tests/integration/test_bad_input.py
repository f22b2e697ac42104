"""Bad input gets a clear error and the server goes on."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest

from dragoman import Client, DragomanError, FinishReason, InvalidArgumentError, NotFoundError
from dragoman.v1 import translation_pb2 as pb
from tests.integration.conftest import Bundles
from tests.integration.served import COMMAND, Served

METHOD = "/dragoman.v1.TranslationService/TranslateText"


def send_raw(address: str, message: bytes) -> tuple[grpc.StatusCode, str]:
    """Sends bytes that our client would not let pass; returns how the call failed."""
    with grpc.insecure_channel(address) as channel, pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary(METHOD, request_serializer=bytes)(message, timeout=30)
    return caught.value.code(), caught.value.details() or ""


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda client: client.translate([]),
            InvalidArgumentError,
            r"contents has 0 texts; allowed: 1 to 1024",
        ),
        (
            lambda client: client.translate("a" * 30_001),
            InvalidArgumentError,
            r"contents has 30001 code points; allowed: at most 30000",
        ),
        (
            lambda client: client.translate(["Hello.", "word " * 600], segmentation="none"),
            InvalidArgumentError,
            r"contents\[1\] has 6\d\d source tokens; allowed: at most 512",
        ),
        (
            lambda client: client.translate("nul \0 character"),
            InvalidArgumentError,
            r"contents\[0\] has a NUL character",
        ),
        (
            lambda client: client.translate("Hello.", beam_size=17),
            InvalidArgumentError,
            r"options\.beam_size is 17; allowed: 1 to 16",
        ),
        (
            lambda client: client.translate("Hello.", max_decoding_length=5000),
            InvalidArgumentError,
            r"options\.max_decoding_length is 5000; allowed: 1 to 511",
        ),
        (
            lambda client: client.translate("Hello.", model="gpt"),
            NotFoundError,
            r"no model 'gpt': there is 'marian-en-de'",
        ),
        (
            lambda client: client.translate("Hello.", target_language_code="fr"),
            NotFoundError,
            r"no language pair from any language to 'fr': it translates from en, .* into de",
        ),
    ],
)
def test_a_wrong_request_says_what_was_given_and_what_is_allowed(
    server: Served,
    call: Callable[[Client], object],
    error: type[DragomanError],
    message: str,
) -> None:
    with Client(server.address) as client:
        with pytest.raises(error, match=message):
            call(client)
        assert client.translate("Good morning!").translated_text


def test_more_texts_than_a_request_may_have(server: Served) -> None:
    request = pb.TranslateTextRequest(contents=["a"] * 1025)
    code, details = send_raw(server.address, request.SerializeToString())
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "contents has 1025 texts; allowed: 1 to 1024" in details


def test_text_that_is_not_utf_8(server: Served) -> None:
    code, details = send_raw(server.address, b"\x0a\x02\xff\xfe")
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "UTF-8" in details


def test_a_message_over_the_size_limit(server: Served) -> None:
    code, details = send_raw(server.address, b"\x0a" + b"a" * 5_000_000)
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "262144" in details


@pytest.mark.parametrize("text", ["", "  \t\n "])
def test_a_text_of_nothing_translates_to_nothing(server: Served, text: str) -> None:
    with Client(server.address) as client:
        translation = client.translate(text)
    assert translation.translated_text == ""
    assert translation.finish_reason is FinishReason.STOP


def start_failure(*arguments: object) -> str:
    """Starts a server that cannot start; returns its one line on stderr."""
    flags = ("--port", "0", "--prometheus-port", "0")
    command = [str(COMMAND), "serve", *flags, *map(str, arguments)]
    run = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert run.returncode == 2
    (line,) = [line for line in run.stderr.splitlines() if not line.startswith("{")]
    return line


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: (path / "weights.bin").open("r+b").truncate(10), "has 10 bytes"),
        (lambda path: (path / "tokenizer/vocab.json").write_text("{}"), "has 2 bytes"),
        (lambda path: (path / "encoder.onnx").unlink(), "cannot be read"),
        (shutil.rmtree, "No such file or directory"),
    ],
)
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
def test_a_damaged_bundle_is_refused_at_start(
    bundles: Bundles, tmp_path: Path, damage: Callable[[Path], object], message: str
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(bundles["int8"], copy)
    damage(copy)
    assert message in start_failure("--bundle", copy)


@pytest.mark.parametrize("flag", ["--port", "--prometheus-port"])
def test_a_port_in_use_is_named(server: Served, bundles: Bundles, flag: str) -> None:
    address = server.address if flag == "--port" else server.metrics_address
    port = address.rpartition(":")[2]
    line = start_failure("--bundle", bundles["int8"], flag, port)
    assert address in line
    assert "Address already in use" in line
