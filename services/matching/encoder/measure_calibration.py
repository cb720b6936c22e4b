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
from pathlib import Path

import numpy as np

from services.matching.encoder.calibration import LEVELS, QUANTILES, Calibration, Vectors
from services.matching.encoder.preparation import ENGLISH, MULTILINGUAL, english_folder, multilingual_folder
from services.matching.encoder.sentence_model import SentenceModel
from services.matching.encoder.text import clean

LABELS = 400


def anchors(needs: Vectors, offers: Vectors, calibration: Calibration) -> tuple[float, ...]:
    """Return the cosines of :data:`LEVELS`: background quantiles over all pairs, one more step, then 1."""
    cosines = calibration.place(needs) @ calibration.place(offers).T
    quantiles = [float(each) for each in np.percentile(cosines, QUANTILES)]
    beyond = 2 * quantiles[-1] - quantiles[-2]
    return (*(round(each, 3) for each in (*quantiles, beyond)), 1.0)


def main() -> None:
    """Run the measurement from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("models", "organisations", "labels"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    options = parser.parse_args()
    records = [json.loads(line) for line in options.organisations.read_text(encoding="utf-8").splitlines()]
    needs = [(clean(s["text"]), s["language"]) for record in records for s in record["needs"]]
    offers = [(clean(s["text"]), s["language"]) for record in records for s in record["offers"]]
    with options.labels.open(encoding="utf-8") as file:
        labels = [row[-1] for row in csv.reader(file)][1 : LABELS + 1]

    multilingual = SentenceModel(multilingual_folder(options.models), MULTILINGUAL, 256)
    need_vectors, offer_vectors, label_vectors = (
        multilingual.encode([f"query: {text}" for text in texts])
        for texts in ([text for text, _ in needs], [text for text, _ in offers], labels)
    )
    centre = (need_vectors.mean(0) + offer_vectors.mean(0) + label_vectors.mean(0)) / 3
    stored = {MULTILINGUAL: base64.b64encode(centre.astype("<f2").tobytes()).decode()}
    Path(__file__).with_name("centres.json").write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")
    foreign = np.array([language != "en" for _, language in needs])
    calibration = Calibration(LEVELS, centre.astype("<f2").astype(np.float32))
    print(MULTILINGUAL, anchors(need_vectors[foreign], offer_vectors, calibration))

    english = SentenceModel(english_folder(), ENGLISH, 256)
    english_needs = english.encode([text for text, language in needs if language == "en"])
    english_offers = english.encode([text for text, language in offers if language == "en"])
    print(ENGLISH, anchors(english_needs, english_offers, Calibration(LEVELS)))


if __name__ == "__main__":
    main()
