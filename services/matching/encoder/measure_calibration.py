"""Measures what ``calibration.py`` states: the centre of e5 and the background quantiles of both models.

``python -m services.matching.encoder.measure_calibration --models DIR --organisations organisations.jsonl --labels
nace.csv``
reads organisations in the import format and a CSV whose last column is a short label, writes ``centres.json`` and
prints the anchors.
"""

import argparse
import base64
import csv
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from services.matching.encoder.calibration import LEVELS, OTHER, QUANTILES, Calibration, Vectors
from services.matching.encoder.encoder import MAX_TOKENS, MULTILINGUAL_PREFIX, ReadText
from services.matching.encoder.preparation import ENGLISH, MULTILINGUAL, english_folder, multilingual_folder
from services.matching.encoder.sentence_model import SentenceModel
from services.matching.encoder.text import clean

LABELS = 400
SHRINKAGE = 20
"""A language's mean is drawn towards that of all foreign ones, as if by so many texts: few say little about it."""


def anchors(needs: Vectors, offers: Vectors) -> tuple[float, ...]:
    """Return the cosines of :data:`LEVELS`: background quantiles over all pairs, one more step, then 1."""
    quantiles = [float(each) for each in np.percentile(needs @ offers.T, QUANTILES)]
    beyond = 2 * quantiles[-1] - quantiles[-2]
    return (*(round(each, 3) for each in (*quantiles, beyond)), 1.0)


def centres(vectors: Vectors, languages: Sequence[str]) -> dict[str, Vectors]:
    """Return the mean vector of English, of each foreign language, and of all foreign ones together."""
    language = np.array(languages)
    every = vectors[language != "en"].mean(0)
    found = {"en": vectors[language == "en"].mean(0), OTHER: every}
    for each in sorted(set(languages) - {"en"}):
        mine = vectors[language == each]
        found[each] = (mine.sum(0) + SHRINKAGE * every) / (len(mine) + SHRINKAGE)
    return {name: each.astype("<f2").astype(np.float32) for name, each in found.items()}


def main() -> None:
    """Run the measurement from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("models", "organisations", "labels"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    options = parser.parse_args()
    records = [json.loads(line) for line in options.organisations.read_text(encoding="utf-8").splitlines()]
    needs = [ReadText(s["language"], clean(s["text"])) for record in records for s in record["needs"]]
    offers = [ReadText(s["language"], clean(s["text"])) for record in records for s in record["offers"]]
    with options.labels.open(encoding="utf-8") as file:
        labels = [ReadText("en", row[-1]) for row in csv.reader(file)][1 : LABELS + 1]

    multilingual = SentenceModel(multilingual_folder(options.models), MULTILINGUAL, MAX_TOKENS)
    texts = [*needs, *offers, *labels]
    vectors = multilingual.encode([MULTILINGUAL_PREFIX + each.text for each in texts])
    languages = [each.language for each in texts]
    means = centres(vectors, languages)
    stored = {
        MULTILINGUAL: {name: base64.b64encode(each.astype("<f2").tobytes()).decode() for name, each in means.items()}
    }
    Path(__file__).with_name("centres.json").write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")
    placed = Calibration(LEVELS, means).place(vectors, languages)
    foreign = np.flatnonzero([each.language != "en" for each in needs])
    print(MULTILINGUAL, anchors(placed[foreign], placed[len(needs) : len(needs) + len(offers)]))
    for each in sorted(set(languages) - {"en"}):
        same = placed[: len(needs)][[read.language == each for read in needs]]
        cosines = (same @ same.T)[np.triu_indices(len(same), 1)]
        print(f"  between {len(same)} needs in {each}:", np.percentile(cosines, QUANTILES).round(3))

    english = SentenceModel(english_folder(), ENGLISH, MAX_TOKENS)
    needing, offering = (
        english.encode([each.text for each in said if each.language == "en"]) for said in (needs, offers)
    )
    print(ENGLISH, anchors(needing, offering))


if __name__ == "__main__":
    main()
