"""Google's own client against a real server of several processes gets what ours gets."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest

from dragoman import Client
from tests.integration.conftest import Bundles, everyday_sentences
from tests.integration.served import Served
from tests.server.interfaces.google_client import PARENT, of, translate

pb = pytest.importorskip("google.longrunning.operations_pb2")

LANGUAGES = {"source_language_code": "en", "target_language_code": "de"}
ABORTED = 10

CONNECTIONS = 8
"""So many that no process gets all of them, but once in 128 times; which then shows nothing."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("google")
    (folder / "glossaries").mkdir()
    (folder / "storage" / "bucket").mkdir(parents=True)
    return folder


@pytest.fixture(scope="module")
def server(bundles: Bundles, folder: Path) -> Iterator[Served]:
    settings = {
        "workers": 2,
        "engines": 1,
        "interfaces": "google",
        "glossaries": folder / "glossaries",
        "google_storage": folder / "storage",
    }
    with Served(bundles["int8"], **settings) as served:
        yield served


@pytest.fixture
def clients(server: Served) -> Iterator[list[Any]]:
    port = int(server.address.rpartition(":")[2])
    clients = [of(port) for _ in range(CONNECTIONS)]
    yield clients
    for client in clients:
        client.transport.close()


def batch(uri: str) -> dict[str, Any]:
    """A request for all of that in German."""
    return {
        "parent": PARENT,
        "source_language_code": "en",
        "target_language_codes": ["de"],
        "input_configs": [{"gcs_source": {"input_uri": uri}}],
        "output_config": {"gcs_destination": {"output_uri_prefix": "gs://bucket/out/"}},
    }


@pytest.mark.parametrize("mime_type", ["text/plain", "text/html"])
def test_translations_are_those_of_our_own_client(
    server: Served, clients: list[Any], mime_type: Literal["text/plain", "text/html"]
) -> None:
    texts = [*everyday_sentences()[:60], "One. Two.\n\n- Three coffees, please.\n", "<b>Hi</b> & a"]
    request = {"parent": PARENT, "contents": texts, "mime_type": mime_type, **LANGUAGES}
    answer = clients[0].translate_text(request=request)
    with Client(server.address) as ours:
        native = ours.translate(
            texts, source_language_code="en", target_language_code="de", mime_type=mime_type
        )
    assert [each.translated_text for each in answer.translations] == [
        each.translated_text for each in native
    ]
    assert server.metric("interface_requests_total", interface="google", code="OK") >= 1


def test_what_one_process_makes_all_of_them_have(clients: list[Any], folder: Path) -> None:
    bucket = folder / "storage" / "bucket"
    (bucket / "terms.csv").write_text("house,Gebäude\n", "utf-8")
    (bucket / "a.txt").write_text("I like my house.\n")
    glossary = translate.Glossary(
        name=f"{PARENT}/glossaries/house",
        language_pair=LANGUAGES,
        input_config={"gcs_source": {"input_uri": "gs://bucket/terms.csv"}},
    )
    clients[0].create_glossary(parent=PARENT, glossary=glossary).result()
    terms = {"glossary": glossary.name}
    request = {
        "parent": PARENT,
        "contents": ["I like my house."],
        "mime_type": "text/plain",
        "glossary_config": terms,
        **LANGUAGES,
    }
    answers = [client.translate_text(request=request) for client in clients]
    (said,) = {answer.glossary_translations[0].translated_text for answer in answers}
    (plain,) = {answer.translations[0].translated_text for answer in answers}
    assert "Gebäude" in said
    assert "Gebäude" not in plain
    asked_for = batch("gs://bucket/*") | {"glossaries": {"de": terms}}
    operation = clients[0].batch_translate_text(request=asked_for)
    asked = pb.GetOperationRequest(name=operation.operation.name)
    assert {client.get_operation(asked).name for client in clients} == {asked.name}
    assert operation.result().translated_characters == len("I like my house.\n")
    assert all(client.get_operation(asked).done for client in clients)
    translated = bucket / "out" / "bucket_a_de_translations.txt"
    assert translated.read_text() == f"{plain}\n"
    with_terms = bucket / "out" / "bucket_a_de_glossary_translations.txt"
    assert with_terms.read_text() == f"{said}\n"


def test_what_a_server_worked_on_when_it_ended_is_told_by_the_next(
    bundles: Bundles, tmp_path: Path
) -> None:
    bucket = tmp_path / "bucket"
    bucket.mkdir()
    (bucket / "a.tsv").write_text("I like my house.\n" * 20_000)
    settings = {"engines": 1, "interfaces": "google", "google_storage": tmp_path}
    with Served(bundles["int8"], **settings) as served:
        client = of(int(served.address.rpartition(":")[2]))
        operation = client.batch_translate_text(request=batch("gs://bucket/a.tsv"))
        asked = pb.GetOperationRequest(name=operation.operation.name)
        assert not client.get_operation(asked).done
        client.transport.close()
    with Served(bundles["int8"], **settings) as served:
        client = of(int(served.address.rpartition(":")[2]))
        found = client.get_operation(asked)
        client.transport.close()
    assert found.done
    assert found.error.code == ABORTED
    assert (bucket / "out" / "index.csv").read_text() == ""
