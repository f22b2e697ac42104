"""Files of buckets, translated as Google's client asks for it while nobody waits."""

import asyncio
import csv
import io
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.server.interfaces.google_client import PARENT, asked, over, served, translate
from tests.server.service.harness import Running, manifest
from tests.server.service.test_access import KEY, entries, entry

exceptions = pytest.importorskip("google.api_core.exceptions")
pb = pytest.importorskip("google.longrunning.operations_pb2")
batch_run = pytest.importorskip("dragoman_server.interfaces.google.batch_run")
batches = pytest.importorskip("dragoman_server.interfaces.google.batch")
batch_texts = pytest.importorskip("dragoman_server.interfaces.google.batch_texts")

KNOWN = [("authorization", f"Bearer {KEY}")]
STATE = translate.BatchTranslateMetadata.State
OUTPUT = "gs://bucket/out/"


@dataclass
class Client:
    server: Running
    google: Any
    bucket: Path

    def output(self) -> dict[str, str]:
        return {path.name: path.read_text() for path in (self.bucket / "out").iterdir()}

    def index(self) -> list[list[str]]:
        return list(csv.reader(io.StringIO(self.output()["index.csv"])))


@pytest.fixture(autouse=True)
def _retries_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_texts, "RETRY_SECONDS", 0.01)


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    bucket = tmp_path / "storage" / "bucket"
    bucket.mkdir(parents=True)
    (tmp_path / "glossaries").mkdir()
    (tmp_path / "glossaries" / "house.tsv").write_text("en\tde\nhouse\tHaus\n")
    settings = {
        "google_storage": tmp_path / "storage",
        "glossaries": tmp_path / "glossaries",
        "max_contents": 3,
        "max_code_points": 40,
    }
    async with served(contents=manifest("en", "de fr"), **settings) as (server, google):
        yield Client(server, google, bucket)


def batch(*uris: str, **fields: Any) -> dict[str, Any]:
    configs = [{"gcs_source": {"input_uri": uri}} for uri in uris]
    whole = {
        "parent": PARENT,
        "source_language_code": "en",
        "target_language_codes": ["de"],
        "input_configs": configs,
        "output_config": {"gcs_destination": {"output_uri_prefix": OUTPUT}},
    }
    return whole | fields


async def begun(client: Client, request: dict[str, Any]) -> Any:
    return await asked(client.google.batch_translate_text, request=request)


async def done(client: Client, operation: Any) -> Any:
    """Waits for the operation as its client would, and returns it as it is then."""
    name = operation.operation.name
    wait = pb.WaitOperationRequest(name=name)
    wait.timeout.seconds = 8
    return await waited(client.google, wait)


async def waited(google: Any, request: Any, **options: Any) -> Any:
    """Google's client forgets to read this answer, and returns its bytes."""
    found = pb.Operation()
    while not found.done:  # a busy machine takes longer than one call may wait
        found = pb.Operation.FromString(await asked(google.wait_operation, request, **options))
    return found


async def translated(client: Client, request: dict[str, Any]) -> Any:
    """Returns what came of a batch."""
    found = await done(client, await begun(client, request))
    response = translate.BatchTranslateResponse.pb()()
    assert found.response.Unpack(response)
    return response


def metadata_of(operation: Any) -> Any:
    found = translate.BatchTranslateMetadata.pb()()
    assert operation.metadata.Unpack(found)
    return found


async def test_files_are_translated_and_named_as_google_names_them(client: Client) -> None:
    (client.bucket / "in").mkdir()
    (client.bucket / "in" / "a.txt").write_text("One. Two.\n\n- three\n")
    (client.bucket / "in" / "b.html").write_text("<p>a <b>b</b></p>\n")
    (client.bucket / "in" / "c.tsv").write_text('x\tone\n"y"\t"t ""w"" o"\n')
    (client.bucket / "in" / "notes.md").write_text("not for this")
    request = batch("gs://bucket/in/*", target_language_codes=["de", "fr"])
    operation = await begun(client, request)
    response = await asked(operation.result)
    characters = 2 * (19 + 18 + 3 + 7)
    assert response.total_characters == response.translated_characters == characters
    assert response.failed_characters == 0
    assert response.submit_time <= response.end_time
    assert operation.metadata.state is STATE.SUCCEEDED
    assert client.output() == {
        "index.csv": client.output()["index.csv"],
        **{
            f"bucket_in_{name}_{code}_translations.{suffix}": content
            for code in ("de", "fr")
            for name, suffix, content in (
                ("a", "txt", "One. Two.\n\n- three\n"),
                ("b", "html", "<p>a <b>b</b></p>\n"),
                ("c", "tsv", 'x\tone\tone\ny\t"t ""w"" o"\t"t ""w"" o"\n'),
            )
        },
    }
    assert client.index()[0] == [
        "gs://bucket/in/a.txt",
        "de",
        "gs://bucket/out/bucket_in_a_de_translations.txt",
        *("", "", ""),
    ]
    assert [row[:2] for row in client.index()] == [
        [f"gs://bucket/in/{name}", code]
        for name in ("a.txt", "b.html", "c.tsv")
        for code in ("de", "fr")
    ]
    priorities = {text.sender.priority.value for text in client.server.engine.texts}
    assert priorities == {"bulk"}


async def test_a_long_text_is_cut_where_lines_end_and_whole_again(client: Client) -> None:
    text = "".join(f"{'word ' * n}\n" for n in range(1, 8)) + "\n" * 50 + "end"
    (client.bucket / "a.txt").write_text(text)
    await translated(client, batch("gs://bucket/a.txt"))
    assert client.output()["bucket_a_de_translations.txt"] == text


async def test_a_glossary_makes_files_and_columns_of_its_own(client: Client) -> None:
    (client.bucket / "a.txt").write_text("house")
    (client.bucket / "b.tsv").write_text("house\nroof\n")
    terms = {"de": {"glossary": f"{PARENT}/glossaries/house"}}
    request = batch("gs://bucket/a.txt", "gs://bucket/b.tsv", glossaries=terms)
    await translated(client, request)
    output = client.output()
    assert output["bucket_a_de_translations.txt"] == "house"
    assert "Haus" in output["bucket_a_de_glossary_translations.txt"]
    rows = list(csv.reader(io.StringIO(output["bucket_b_de_translations.tsv"]), delimiter="\t"))
    assert [row[:3] for row in rows] == [["0", "house", "house"], ["1", "roof", "roof"]]
    assert "Haus" in rows[0][3]
    assert rows[1][3] == "roof"
    assert [len(row) for row in client.index()] == [6, 6]
    assert client.index()[1][4:] == ["", ""]


async def test_what_cannot_be_translated_is_told_line_by_line(client: Client) -> None:
    (client.bucket / "a.tsv").write_text(f"good\n{'x' * 41}\n\x00\nfine\n")
    (client.bucket / "b.txt").write_text("y" * 41)
    request = batch("gs://bucket/a.tsv", "gs://bucket/b.txt")
    response = await translated(client, request)
    assert (response.translated_characters, response.failed_characters) == (8, 41 + 1 + 41)
    output = client.output()
    rows = output["bucket_a_de_translations.tsv"].splitlines()
    assert [row.split("\t")[2] for row in rows] == ["good", "", "", "fine"]
    first, second = output["bucket_a_de_errors.tsv"].splitlines()
    assert first.split("\t")[0] == "1"
    assert first.endswith("41 code points; allowed: at most 40")
    assert second.split("\t")[0] == "2"
    assert "NUL character" in second
    assert "allowed: at most 40" in output["bucket_b_de_errors.txt"]
    assert "bucket_b_de_translations.txt" not in output
    assert client.index()[1][2:4] == ["", "gs://bucket/out/bucket_b_de_errors.txt"]


async def test_a_batch_of_which_nothing_could_be_translated_has_failed(client: Client) -> None:
    (client.bucket / "a.txt").write_text("a")
    models = {"de": f"{PARENT}/models/huge"}
    operation = await begun(client, batch("gs://bucket/a.txt", models=models))
    with pytest.raises(exceptions.InvalidArgument, match="nothing could be translated"):
        await asked(operation.result)
    assert metadata_of(await done(client, operation)).state == STATE.FAILED
    assert "no model 'huge'" in client.output()["bucket_a_de_errors.txt"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a\tb\tc\n", "3 columns in row 0; allowed: 1 or 2"),
        (b'"a\n', "no table"),
        (b"\xff", "can't decode"),
        (None, "there is no 'gs://bucket/a.tsv'"),
    ],
)
async def test_a_file_that_cannot_be_read_ends_the_batch(
    client: Client, content: bytes | None, said: str
) -> None:
    if content is not None:
        (client.bucket / "a.tsv").write_bytes(content)
    operation = await begun(client, batch("gs://bucket/a.tsv"))
    found = await done(client, operation)
    assert said in found.error.message
    assert metadata_of(found).state == STATE.FAILED


async def test_files_are_bounded(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_run, "MOST_CODE_POINTS", 3)
    (client.bucket / "a.txt").write_text("ab")
    (client.bucket / "b.txt").write_text("cd")
    found = await done(client, await begun(client, batch("gs://bucket/*")))
    assert found.error.message == "the files have more than 3 code points"
    assert not client.server.engine.texts


async def test_a_busy_server_is_asked_again(client: Client) -> None:
    (client.bucket / "a.txt").write_text("a")
    client.server.engine.room = 0
    operation = await begun(client, batch("gs://bucket/a.txt"))
    refused = "dragoman_interface_requests_total"
    code = "RESOURCE_EXHAUSTED"
    while client.server.sample(refused, code=code, interface="google") < 2:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    client.server.engine.room = 10
    assert metadata_of(await done(client, operation)).translated_characters == 1


async def test_a_batch_ends_when_it_is_cancelled_and_keeps_what_it_has(client: Client) -> None:
    (client.bucket / "a.txt").write_text("a")
    (client.bucket / "b.txt").write_text("b")
    client.server.engine.echo = False
    request = batch("gs://bucket/a.txt", "gs://bucket/b.txt")
    operation = await begun(client, request)
    await client.server.engine.until(lambda: len(client.server.engine.texts) == 1)
    assert not await asyncio.to_thread(operation.done)
    name = operation.operation.name
    with pytest.raises(exceptions.FailedPrecondition, match="cancel it"):
        await asked(client.google.delete_operation, pb.DeleteOperationRequest(name=name))
    await asked(client.google.cancel_operation, pb.CancelOperationRequest(name=name))
    client.server.engine.texts[0].finish()
    found = await done(client, operation)
    assert found.error.code == 1
    assert metadata_of(found).state == STATE.CANCELLED
    assert metadata_of(found).translated_characters == 1
    assert [row[0] for row in client.index()] == ["gs://bucket/a.txt"]
    assert len(client.server.engine.texts) == 1
    await asked(client.google.delete_operation, pb.DeleteOperationRequest(name=name))
    with pytest.raises(exceptions.NotFound):
        await asked(client.google.get_operation, pb.GetOperationRequest(name=name))


@pytest.mark.parametrize(
    ("fields", "field", "said"),
    [
        ({"parent": "projects/acme"}, "parent", "locations/LOCATION"),
        ({"source_language_code": ""}, "source_language_code", "the code of a language"),
        ({"target_language_codes": []}, "target_language_codes", "1 to 10, each once"),
        ({"target_language_codes": ["de"] * 2}, "target_language_codes", "each once"),
        ({"target_language_codes": [""]}, "target_language_codes[0]", "the code of a language"),
        ({"models": {"fr": ""}}, "models", "'fr'"),
        ({"models": {"de": "x"}}, "models", "general/nmt"),
        ({"input_configs": []}, "input_configs", "1 to 100"),
        ({"labels": {"A": ""}}, "labels", "lower-case"),
        (
            {"output_config": {"gcs_destination": {"output_uri_prefix": "gs://bucket/out"}}},
            "output_config.gcs_destination.output_uri_prefix",
            "gs://BUCKET/FOLDER/",
        ),
        (
            {"output_config": {"gcs_destination": {"output_uri_prefix": "gs://bucket/../"}}},
            "output_config.gcs_destination.output_uri_prefix",
            "without '.'",
        ),
        (
            {"output_config": {"gcs_destination": {"output_uri_prefix": "gs://bucket/full/"}}},
            "output_config.gcs_destination.output_uri_prefix",
            "writes over no file",
        ),
        (
            {"input_configs": [{"gcs_source": {"input_uri": "gs://bucket/../a.txt"}}]},
            "input_configs[0].gcs_source.input_uri",
            "without '.'",
        ),
        (
            {
                "input_configs": [
                    {"gcs_source": {"input_uri": "gs://bucket/a.txt"}, "mime_type": "text/html"}
                ]
            },
            "input_configs[0].mime_type",
            "empty or text/plain for .txt",
        ),
        (
            {
                "input_configs": [
                    {"gcs_source": {"input_uri": f"gs://bucket/{name}.txt"}}
                    for name in ("a/b", "a_b")
                ]
            },
            "input_configs[1].gcs_source.input_uri",
            "not called the same",
        ),
    ],
)
async def test_what_is_wrong_about_a_batch_is_named(
    client: Client, fields: dict[str, Any], field: str, said: str
) -> None:
    (client.bucket / "full").mkdir()
    (client.bucket / "full" / "a.txt").touch()
    with pytest.raises(exceptions.InvalidArgument, match="allowed: ") as refused:
        await begun(client, batch("gs://bucket/a.txt") | fields)
    assert said in refused.value.message
    assert refused.value.details[1].field_violations[0].field == field


async def test_other_formats_and_buckets_are_refused(client: Client) -> None:
    with pytest.raises(exceptions.MethodNotImplemented, match=r"are \.txt, \.html, \.tsv"):
        await begun(client, batch("gs://bucket/a.docx"))
    with pytest.raises(exceptions.NotFound):
        await begun(client, batch("gs://none/*"))
    elsewhere = {"gcs_destination": {"output_uri_prefix": "gs://none/out/"}}
    with pytest.raises(exceptions.NotFound):
        await begun(client, batch("gs://bucket/a.txt", output_config=elsewhere))


async def test_nothing_is_written_over_a_link(client: Client, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (client.bucket / "a.txt").write_text("a")
    (client.bucket / "out").symlink_to(tmp_path / "outside")
    with pytest.raises(exceptions.NotFound, match="that the server may use"):
        await begun(client, batch("gs://bucket/a.txt"))
    assert not list((tmp_path / "outside").iterdir())


async def test_two_batches_never_write_to_one_place(client: Client) -> None:
    (client.bucket / "a.txt").write_text("a")
    client.server.engine.echo = False
    operation = await begun(client, batch("gs://bucket/a.txt"))
    with pytest.raises(exceptions.InvalidArgument, match="writes over no file"):
        await begun(client, batch("gs://bucket/a.txt"))
    await client.server.engine.until(lambda: len(client.server.engine.texts) == 1)
    client.server.engine.texts[0].finish()
    assert metadata_of(await done(client, operation)).state == STATE.SUCCEEDED


async def test_a_process_works_on_so_many_batches_at_once(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    (client.bucket / "a.txt").write_text("a")
    monkeypatch.setattr(batches, "MOST_AT_ONCE", 1)
    client.server.engine.echo = False
    await begun(client, batch("gs://bucket/a.txt"))
    with pytest.raises(exceptions.ResourceExhausted, match="1 batches are worked on"):
        await begun(client, batch("gs://bucket/a.txt"))


async def test_so_many_at_once_are_all_that_begin(client: Client) -> None:
    (client.bucket / "a.txt").write_text("a")
    client.server.engine.echo = False

    async def begin(number: int) -> grpc.StatusCode:
        output = {"gcs_destination": {"output_uri_prefix": f"gs://bucket/out{number}/"}}
        request = translate.BatchTranslateTextRequest(
            batch("gs://bucket/a.txt", output_config=output)
        )
        call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = client.server.channel.unary_unary(
            "/google.cloud.translation.v3.TranslationService/BatchTranslateText"
        )
        return await call(type(request).serialize(request)).code()

    began = await asyncio.gather(*(begin(number) for number in range(12)))
    assert began.count(grpc.StatusCode.OK) == batches.MOST_AT_ONCE
    assert began.count(grpc.StatusCode.RESOURCE_EXHAUSTED) == 12 - batches.MOST_AT_ONCE


async def test_a_batch_whose_caller_hangs_up_is_worked_on_and_leaves_its_place(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    (client.bucket / "a.txt").write_text("a")
    read, came, release = batches.read_batch, threading.Event(), threading.Event()

    def read_late(*arguments: Any) -> Any:
        came.set()
        assert release.wait(60)
        return read(*arguments)

    monkeypatch.setattr(batches, "read_batch", read_late)
    request = batch("gs://bucket/a.txt")
    seconds = 0.1
    while not came.is_set():  # a machine that stands still lets it pass before
        with pytest.raises(exceptions.DeadlineExceeded):
            await asked(client.google.batch_translate_text, request=request, timeout=seconds)
        seconds *= 10
    release.set()
    listing = pb.ListOperationsRequest(name=PARENT)
    operations: list[Any] = []
    while not (operations and operations[0].done):
        operations = (await asked(client.google.list_operations, listing)).operations
    assert metadata_of(operations[0]).state == STATE.SUCCEEDED


async def test_operations_that_cannot_be_kept_begin_nothing(client: Client) -> None:
    (client.bucket / "a.txt").write_text("a")
    (client.bucket.parent / ".operations").touch()
    with pytest.raises(exceptions.FailedPrecondition, match="operations cannot be written"):
        await begun(client, batch("gs://bucket/a.txt"))
    assert not client.server.engine.texts


async def test_operations_are_listed_page_by_page(client: Client) -> None:
    (client.bucket / "a.txt").write_text("a")
    names = set()
    for number in range(3):
        output = {"gcs_destination": {"output_uri_prefix": f"gs://bucket/out{number}/"}}
        operation = await begun(client, batch("gs://bucket/a.txt", output_config=output))
        names.add((await done(client, operation)).name)
    token = ""
    sizes: list[int] = []
    found: set[str] = set()
    while True:
        request = pb.ListOperationsRequest(name=PARENT, page_size=2, page_token=token)
        page = await asked(client.google.list_operations, request)
        sizes.append(len(page.operations))
        found |= {each.name for each in page.operations}
        if not (token := page.next_page_token):
            break
    assert (sizes, found) == ([2, 1], names)
    elsewhere = pb.ListOperationsRequest(name="projects/other/locations/x")
    assert not (await asked(client.google.list_operations, elsewhere)).operations


async def test_an_operation_that_is_not_there_is_not_found(client: Client) -> None:
    for name in (f"{PARENT}/operations/{'0' * 32}", "x", f"{PARENT}/operations/../../x", ""):
        with pytest.raises(exceptions.NotFound, match="no operation"):
            await asked(client.google.get_operation, pb.GetOperationRequest(name=name))


async def test_files_must_be_granted_by_name_and_operations_are_their_callers(
    tmp_path: Path,
) -> None:
    bucket = tmp_path / "bucket"
    bucket.mkdir()
    (bucket / "a.txt").write_text("a")
    other = "x" * 40
    granted = entry(methods=["BatchTranslateText", "TranslateText"])
    keys = entries(granted, entry(other, name="other"))
    async with served(google_storage=tmp_path, api_key_entries=keys) as (server, google):
        others = [("authorization", f"Bearer {other}")]
        request = batch("gs://bucket/a.txt")
        with pytest.raises(exceptions.PermissionDenied):
            await asked(google.batch_translate_text, request=request, metadata=others)
        with pytest.raises(exceptions.Unauthenticated):
            await asked(google.batch_translate_text, request=request)
        begun = await asked(google.batch_translate_text, request=request, metadata=KNOWN)
        wait = pb.WaitOperationRequest(name=begun.operation.name)
        await waited(google, wait, metadata=KNOWN)
        get = pb.GetOperationRequest(name=begun.operation.name)
        with pytest.raises(exceptions.NotFound):
            await asked(google.get_operation, get, metadata=others)
        with pytest.raises(exceptions.Unauthenticated):
            await asked(google.get_operation, get)
        assert server.sample("dragoman_caller_texts_total", caller="acme") == 1


class Keyed(grpc.UnaryUnaryClientInterceptor):
    """As docs/moving.md has it."""

    def intercept_unary_unary(self, call: Any, details: Any, request: Any) -> Any:
        metadata = [*(details.metadata or ()), *KNOWN]
        return call(details._replace(metadata=metadata), request)


async def test_results_are_waited_for_where_the_channel_has_the_key(tmp_path: Path) -> None:
    bucket = tmp_path / "bucket"
    bucket.mkdir()
    (bucket / "a.txt").write_text("a")
    keys = entries(entry(methods=["BatchTranslateText", "TranslateText"]))
    async with served(google_storage=tmp_path, api_key_entries=keys) as (server, google):
        request = batch("gs://bucket/a.txt")
        operation = await asked(google.batch_translate_text, request=request, metadata=KNOWN)
        with pytest.raises(exceptions.Unauthenticated):
            await asked(operation.result)
        channel = grpc.insecure_channel(f"127.0.0.1:{server.application.port}")
        known = over(grpc.intercept_channel(channel, Keyed()))
        request["output_config"] = {"gcs_destination": {"output_uri_prefix": "gs://bucket/b/"}}
        operation = await asked(known.batch_translate_text, request=request)
        assert (await asked(operation.result)).translated_characters == 1
        channel.close()


async def test_a_server_without_storage_says_so() -> None:
    async with served() as (_, google):
        with pytest.raises(exceptions.FailedPrecondition, match="google_storage"):
            await asked(google.batch_translate_text, request=batch("gs://bucket/a.txt"))
        get = pb.GetOperationRequest(name=f"{PARENT}/operations/{'0' * 32}")
        with pytest.raises(exceptions.FailedPrecondition, match="google_storage"):
            await asked(google.get_operation, get)
