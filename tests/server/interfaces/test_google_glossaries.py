"""Glossaries as Google's client creates them, lists them and deletes them."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from dragoman_server.access import watched_files
from tests.server.interfaces.google_client import PARENT, asked, served, translate
from tests.server.service.harness import Running, make_config
from tests.server.service.test_access import KEY, entries, entry

exceptions = pytest.importorskip("google.api_core.exceptions")

KNOWN = [("authorization", f"Bearer {KEY}")]
PAIR = {"source_language_code": "en", "target_language_code": "de"}


class Client(NamedTuple):
    server: Running
    google: Any
    bucket: Path
    glossaries: Path


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watched_files, "LOOK_SECONDS", 0.02)


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    bucket, glossaries = tmp_path / "storage" / "bucket", tmp_path / "glossaries"
    bucket.mkdir(parents=True)
    glossaries.mkdir()
    settings = {"glossaries": glossaries, "google_storage": tmp_path / "storage"}
    async with served(**settings) as (server, google):
        yield Client(server, google, bucket, glossaries)


def path(name: str) -> str:
    return f"{PARENT}/glossaries/{name}"


def glossary(name: str, uri: str = "gs://bucket/terms.csv", **fields: Any) -> Any:
    source = {"gcs_source": {"input_uri": uri}}
    if "language_codes_set" not in fields:
        fields = {"language_pair": PAIR, **fields}
    return translate.Glossary(name=path(name), input_config=source, **fields)


async def create(client: Client, *arguments: Any, **languages: Any) -> Any:
    made = glossary(*arguments, **languages)
    operation = await asked(client.google.create_glossary, parent=PARENT, glossary=made)
    return operation, await asked(operation.result)


async def translated(client: Client, name: str, text: str) -> str:
    answer = await asked(
        client.google.translate_text,
        request={
            "parent": PARENT,
            "contents": [text],
            "mime_type": "text/plain",
            "source_language_code": "en",
            "target_language_code": "de",
            "glossary_config": {"glossary": path(name)},
        },
    )
    return str(answer.glossary_translations[0].translated_text)


async def test_a_glossary_serves_once_it_is_created(client: Client) -> None:
    (client.bucket / "terms.csv").write_text('house,Haus\n"roof, red","Dach,\nrot"\n')
    operation, made = await create(client, "house", display_name="Houses")
    assert operation.metadata.name == path("house")
    assert operation.metadata.state == 2
    assert (made.name, made.entry_count, made.display_name) == (path("house"), 2, "Houses")
    assert made.submit_time <= made.end_time
    assert "Haus" in await translated(client, "house", "house")
    table = (client.glossaries / "house.tsv").read_text()
    assert table == "en\tde\nhouse\tHaus\nroof, red\tDach, rot\n"
    assert await asked(client.google.get_glossary, name=path("house")) == made


@pytest.mark.parametrize(
    ("name", "content", "languages"),
    [
        ("a.tsv", "house\tHaus\n", {"language_pair": PAIR}),
        (
            "a.csv",
            "de,pos,en,description\nHaus,noun,house,where one lives\n",
            {"language_codes_set": {"language_codes": ["en", "de"]}},
        ),
        ("A.TSV", "\ufeffhouse\tHaus\r\n\r\n", {"language_pair": PAIR}),
    ],
)
async def test_tables_of_two_languages_or_of_a_set_are_read(
    client: Client, name: str, content: str, languages: dict[str, Any]
) -> None:
    (client.bucket / name).write_text(content, "utf-8", newline="")
    await create(client, "house", f"gs://bucket/{name}", **languages)
    assert (client.glossaries / "house.tsv").read_text() == "en\tde\nhouse\tHaus\n"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"house\n", "1 columns in row 1; allowed: 2"),
        ("a.csv", b"a,b\nhouse,Haus,x\n", "3 columns in row 2; allowed: 2"),
        ("a.csv", b'"house,Haus\n', "no table in UTF-8"),
        ("a.csv", b"\xff\xfe", "no table in UTF-8"),
        ("a.csv", b"x" * 201 + b",y\n", "201 code points; allowed: 200"),
        ("a.txt", b"house,Haus\n", "ends with '.txt'; allowed: a name that ends with .tsv or .csv"),
    ],
)
async def test_a_file_that_is_no_table_of_terms_is_refused(
    client: Client, name: str, content: bytes, said: str
) -> None:
    (client.bucket / name).write_bytes(content)
    with pytest.raises(exceptions.InvalidArgument, match="allowed: ") as refused:
        await create(client, "house", f"gs://bucket/{name}")
    assert said in refused.value.message
    (violation,) = refused.value.details[1].field_violations
    assert violation.field == "glossary.input_config.gcs_source.input_uri"
    assert not list(client.glossaries.iterdir())


async def test_the_languages_of_a_set_must_be_those_of_its_table(client: Client) -> None:
    (client.bucket / "terms.csv").write_text("en,fr\nhouse,maison\n")
    languages = {"language_codes_set": {"language_codes": ["en", "de"]}}
    with pytest.raises(exceptions.InvalidArgument, match="the languages 'en', 'fr' in its first"):
        await create(client, "house", **languages)
    with pytest.raises(exceptions.InvalidArgument, match="no two languages"):
        await create(client, "house", language_codes_set={"language_codes": ["en"]})


@pytest.mark.parametrize(
    ("made", "error", "said"),
    [
        (glossary("../house"), exceptions.InvalidArgument, "glossary.name is"),
        (glossary("a b"), exceptions.InvalidArgument, "glossary.name is"),
        (glossary(".."), exceptions.InvalidArgument, "glossary.name is called '..'"),
        (glossary("house@1"), exceptions.InvalidArgument, "is called 'house@1'"),
        (glossary("x" * 64), exceptions.InvalidArgument, "1 to 63 letters"),
        (glossary("a", "gs://bucket/../x.csv"), exceptions.InvalidArgument, "without '.'"),
        (glossary("a", "gs://bucket/none.csv"), exceptions.NotFound, "there is no"),
        (glossary("a", "gs://bucket/a.tmx"), exceptions.MethodNotImplemented, "TMX is not read"),
    ],
)
async def test_what_cannot_be_created_says_why(
    client: Client, made: Any, error: type[Exception], said: str
) -> None:
    with pytest.raises(error) as refused:
        await asked(client.google.create_glossary, parent=PARENT, glossary=made)
    assert said in str(refused.value)
    assert not list(client.glossaries.iterdir())


async def test_no_glossary_is_created_over_another(client: Client) -> None:
    (client.bucket / "terms.csv").write_text("house,Haus\n")
    await create(client, "house")
    (client.bucket / "terms.csv").write_text("house,Gebäude\n")
    with pytest.raises(exceptions.AlreadyExists, match="there is a glossary 'house'"):
        await create(client, "house")
    assert (client.glossaries / "house.tsv").read_text() == "en\tde\nhouse\tHaus\n"


async def test_a_glossary_is_created_where_its_operation_cannot_be_kept(client: Client) -> None:
    (client.bucket / "terms.csv").write_text("house,Haus\n")
    (client.bucket.parent / ".operations").touch()
    operation, _ = await create(client, "house")
    assert operation.done()
    assert "Haus" in await translated(client, "house", "house")


async def test_a_glossary_that_is_deleted_is_gone_and_may_come_again(client: Client) -> None:
    (client.bucket / "terms.csv").write_text("house,Haus\n")
    await create(client, "house")
    operation = await asked(client.google.delete_glossary, name=path("house"))
    deleted = await asked(operation.result)
    assert deleted.name == path("house")
    assert not list(client.glossaries.iterdir())
    with pytest.raises(exceptions.NotFound):
        await asked(client.google.get_glossary, name=path("house"))
    with pytest.raises(exceptions.NotFound):
        await asked(client.google.delete_glossary, name=path("house"))
    with pytest.raises(exceptions.NotFound):
        await translated(client, "house", "house")
    await create(client, "house")
    assert "Haus" in await translated(client, "house", "house")


async def test_glossaries_are_listed_page_by_page_and_by_their_languages(tmp_path: Path) -> None:
    for name, head in (("a", "en\tde"), ("b@2", "en\tfr"), ("c", "de\ten\tfr")):
        (tmp_path / f"{name}.tsv").write_text(f"{head}\n" + "\t".join("x" * (head.count("\t") + 1)))
    async with served(glossaries=tmp_path) as (_, google):

        async def listed(**fields: Any) -> list[str]:
            request = {"parent": PARENT, "page_size": 1, **fields}

            def pages(**options: Any) -> list[str]:  # which are asked for one by one
                pager = google.list_glossaries(request=request, **options)
                return [each.name.rpartition("/")[2] for each in pager]

            return list(await asked(pages))

        assert await listed() == ["a", "b@2", "c"]
        assert await listed(filter="src=en AND tgt=fr") == ["b@2", "c"]
        assert await listed(filter="tgt=de") == ["a", "c"]
        assert await listed(filter="src=ja") == []
        made = await asked(google.get_glossary, name=path("c"))
        assert list(made.language_codes_set.language_codes) == ["de", "en", "fr"]
        assert made.entry_count == 1
        for wrong in ({"filter": "en"}, {"page_size": -1}, {"parent": "projects/a"}):
            with pytest.raises(exceptions.InvalidArgument, match="allowed: "):
                await listed(**wrong)


async def test_a_file_that_nobody_created_is_not_deleted(client: Client) -> None:
    (client.glossaries / "mine.tsv").write_text("en\tde\nhouse\tHaus\n")
    while "mine" not in [
        each.name.rpartition("/")[2]
        for each in await asked(client.google.list_glossaries, parent=PARENT)
    ]:
        pass
    with pytest.raises(exceptions.FailedPrecondition, match="its file is the server's"):
        await asked(client.google.delete_glossary, name=path("mine"))
    assert (client.glossaries / "mine.tsv").exists()


async def test_a_server_without_glossaries_or_storage_says_so(tmp_path: Path) -> None:
    async with served() as (_, google):
        assert not list(await asked(google.list_glossaries, parent=PARENT))
        with pytest.raises(exceptions.FailedPrecondition, match="without glossaries"):
            await asked(google.create_glossary, parent=PARENT, glossary=glossary("a"))
    async with served(glossaries=tmp_path) as (_, google):
        with pytest.raises(exceptions.FailedPrecondition, match="google_storage"):
            await asked(google.create_glossary, parent=PARENT, glossary=glossary("a"))


async def test_to_change_glossaries_must_be_granted_by_name(client: Client, tmp_path: Path) -> None:
    settings = {"glossaries": client.glossaries, "google_storage": tmp_path / "storage"}
    (client.bucket / "terms.csv").write_text("house,Haus\n")
    made = glossary("house")
    async with served(api_key_entries=entries(entry()), **settings) as (_, google):
        assert not list(await asked(google.list_glossaries, parent=PARENT, metadata=KNOWN))
        for call, fields in (
            (google.create_glossary, {"parent": PARENT, "glossary": made}),
            (google.delete_glossary, {"name": path("house")}),
        ):
            with pytest.raises(exceptions.PermissionDenied):
                await asked(call, **fields, metadata=KNOWN)
    granted = entry(methods=["*", "AdminService"])
    async with served(api_key_entries=entries(granted), **settings) as (_, google):
        await asked(google.create_glossary, parent=PARENT, glossary=made, metadata=KNOWN)
        assert (client.glossaries / "house.tsv").exists()


def test_files_are_not_for_everybody() -> None:
    shared = {"google_storage": "storage", "interfaces": "google", "host": "0.0.0.0"}
    with pytest.raises(ValueError, match="anybody could read and write its files"):
        make_config(**shared)
    make_config(**shared, api_key_entries=entries(entry()))
    with pytest.raises(ValueError, match="for clients of interfaces google"):
        make_config(google_storage="storage")
