import pytest

from dragoman.load.describe import describe_model
from dragoman.reading import read_models
from dragoman.v1 import translation_pb2 as pb


@pytest.mark.parametrize(
    ("runtime", "told"),
    [("torch", "en-de, float16, torch, cuda"), ("", "en-de, float16, cuda")],
    ids=["told", "an older server's"],
)
def test_a_report_says_what_runs_the_model(runtime: str, told: str) -> None:
    model = pb.Model(name="en-de", precision="float16", runtime=runtime, provider="cuda")
    models = read_models(pb.ListModelsResponse(models=[model, pb.Model(name="fr-de")]))
    assert describe_model(models, "en-de") == told


def test_a_report_says_that_sentences_keep_to_lists() -> None:
    model = pb.Model(name="en-de", precision="int8", provider="cpu", shortlist=True)
    models = read_models(pb.ListModelsResponse(models=[model]))
    assert describe_model(models, "en-de") == "en-de, int8, cpu, shortlist"
