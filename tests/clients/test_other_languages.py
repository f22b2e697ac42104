"""The examples in other languages against a server that fails on cue, and what they share."""

import ast
import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto
from google.rpc import code_pb2  # type: ignore[import-untyped]  # no py.typed

from dragoman.channel import SERVICE, SERVICE_CONFIG
from dragoman.v1 import admin_pb2, translation_pb2
from tests.clients.fake_server import FakeServer, draining, queue_full, status
from tests.clients.other_languages import BUILDS, CONFIG, ROOT, build_go, run, said
from tests.exports import Exports

GO = ROOT / "clients/go"
STRING = re.compile(r'"((?:[^"\\\n]|\\.)*)"')


@pytest.fixture(scope="module", params=BUILDS)
def example(request: pytest.FixtureRequest, exports: Exports) -> list[str]:
    """The command of each language in turn."""
    return BUILDS[request.param](exports)


def test_a_call_has_key_and_deadline_and_is_tried_again(
    example: list[str], server: FakeServer
) -> None:
    server.failures.extend([draining(), queue_full()])
    ended = said(example, server.target, "a word", "Übermut", key="secret")
    assert (ended.stdout, ended.stderr) == ("A WORD\nÜBERMUT\n", "")
    assert server.keys == ["Bearer secret"] * 3
    assert all(10 < (seconds or 0) <= 30 for seconds in server.seconds_left)


def test_an_answer_of_many_megabytes_is_taken(example: list[str], server: FakeServer) -> None:
    server.mistakes["long"] = "x" * 5_000_000
    assert len(said(example, server.target, "long").stdout) == 5_000_001


def test_what_is_refused_for_good_is_told(example: list[str], server: FakeServer) -> None:
    server.failures.append(status(code_pb2.INVALID_ARGUMENT, "contents[0] is wrong"))
    ended = said(example, server.target, "a word")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "contents[0] is wrong" in ended.stderr
    assert server.keys == [None]


def test_go_calls_no_server_that_says_it_does_not_serve(
    exports: Exports, server: FakeServer
) -> None:
    command = build_go(exports)
    server.stop_serving()
    assert "Unavailable" in said(command, server.target, "a word").stderr
    assert server.requests == []


def test_gofmt_finds_nothing(exports: Exports) -> None:
    build_go(exports)
    assert run("gofmt", "-l", GO).stdout == ""


def test_maven_is_told_of_files_that_are_there() -> None:
    java = ROOT / "clients/java"
    pom = (java / "pom.xml").read_text("utf-8").replace("${project.basedir}", str(java))
    project = ElementTree.fromstring(pom)

    def told(tag: str) -> str:
        return project.findtext(f".//{{http://maven.apache.org/POM/4.0.0}}{tag}", "")

    assert Path(told("sourceDirectory")).samefile(ROOT / "protos")
    assert Path(told("directory"), told("include")).samefile(CONFIG)
    assert (java / "src/main/java" / f"{told('mainClass').replace('.', '/')}.java").is_file()


def test_other_languages_are_balanced_as_python_is() -> None:
    config = json.loads(CONFIG.read_text("utf-8"))
    (of_methods,) = config.pop("methodConfig")
    assert config == SERVICE_CONFIG
    assert of_methods["name"] == [{"service": SERVICE}]
    assert (GO / "v1/service_config.json").read_bytes() == CONFIG.read_bytes()


@pytest.mark.parametrize("module", [admin_pb2, translation_pb2], ids=lambda module: module.__name__)
def test_the_stubs_for_go_are_current(module: object) -> None:
    ours = FileDescriptorProto()
    module.DESCRIPTOR.CopyToProto(ours)  # type: ignore[attr-defined]
    name = Path(ours.name).stem
    messages = (GO / "v1" / f"{name}.pb.go").read_text("utf-8")
    _, _, descriptor = messages.partition("_rawDesc = ")
    quoted = STRING.findall(descriptor.partition("\n\nvar ")[0])
    theirs = FileDescriptorProto.FromString(b"".join(map(go_bytes, quoted)))
    for message in theirs.message_type:
        forget_json_names(message)
    assert theirs == ours, "run `make go-protos`"
    services = (GO / "v1" / f"{name}_grpc.pb.go").read_text("utf-8")
    paths = {f"/{ours.package}.{each.name}/{m.name}" for each in ours.service for m in each.method}
    assert set(re.findall(r'= "(/\S+)"', services)) == paths


def go_bytes(quoted: str) -> bytes:
    """What stands in a string of Go: its escapes are those of Python's bytes."""
    literal: bytes = ast.literal_eval(f'b"{quoted}"')
    return literal


def forget_json_names(message: DescriptorProto) -> None:
    """protoc gives them to plugins; Python's stubs have none."""
    for field in message.field:
        field.ClearField("json_name")
    for nested in message.nested_type:
        forget_json_names(nested)
