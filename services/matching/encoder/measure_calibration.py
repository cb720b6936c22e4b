"""Measures what ``fusion.json`` states: the centres of e5 and the background quantiles of every ground.

``python -m services.matching.encoder.measure_calibration --models DIR --organisations organisations.jsonl --labels
nace.csv --recipe NAME [--weights english=.6 …] [--english-model DIR] [--multilingual-model DIR] [--out FILE]``
reads organisations
in the import format and a CSV whose last column is a short label, and writes the file that
``INTERCLUSTER_MATCHING_ENCODER_CONSTANTS`` names.
"""

import argparse
import csv
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from services.matching.encoder.calibration import LEVELS, OTHER, QUANTILES, Calibration, Vectors
from services.matching.encoder.encoder import MULTILINGUAL_PREFIX, Chosen, Encoder, load_models
from services.matching.encoder.fusion import CONSTANTS, load_fusion
from services.matching.encoder.spaces import ReadText, Space, ground_of
from services.matching.encoder.text import clean

LABELS = 400
SHRINKAGE = 20
"""A language's mean is drawn towards that of all foreign ones, as if by so many texts: few say little about it."""


def anchors(products: Vectors, most: float) -> list[float]:
    """Return the products of :data:`LEVELS`: background quantiles, one more step, then that of the same text."""
    quantiles = [float(each) for each in np.percentile(products, QUANTILES)]
    beyond = min(2 * quantiles[-1] - quantiles[-2], (quantiles[-1] + most) / 2)
    return [*(round(each, 4) for each in (*quantiles, beyond)), round(most, 4)]


def centres(vectors: Vectors, languages: Sequence[str]) -> dict[str, Vectors]:
    """Return the mean vector of English, of each foreign language, and of all foreign ones together."""
    language = np.array(languages)
    every = vectors[language != "en"].mean(0)
    found = {"en": vectors[language == "en"].mean(0), OTHER: every}
    for each in sorted(set(languages) - {"en"}):
        mine = vectors[language == each]
        found[each] = (mine.sum(0) + SHRINKAGE * every) / (len(mine) + SHRINKAGE)
    return {name: each.astype("<f2").astype(np.float32) for name, each in found.items()}


def by_ground(needs: Sequence[ReadText], offers: Sequence[ReadText], encoder: Encoder) -> dict[int, list[float]]:
    """Return the anchors of each ground.

    Where the texts' own languages give too few pairs of a ground, English texts stand in as what that ground sees of
    them: their vectors without the other spaces.
    """
    needing, offering = (encoder.encode(each).astype(np.float32) for each in (needs, offers))
    fusion, found = encoder.fusion, {}
    for ground in sorted({ground_of(each) for each in ("en", "de", "fi", "ru", "")}, reverse=True):
        spaces = [space for space in Space if space.bit & ground]
        rows = [row for row, each in enumerate(needs) if each.language != "en" or ground & Space.ENGLISH.bit]
        rows = [row for row in rows if ground_of(needs[row].language) & ground == ground]
        columns = [row for row, each in enumerate(offers) if ground_of(each.language) & ground == ground]
        products = sum(
            needing[rows][:, fusion.part(space)] @ offering[columns][:, fusion.part(space)].T for space in spaces
        )
        found[ground] = anchors(np.asarray(products), sum(fusion.weights[space] for space in spaces))
    return found


def main() -> None:
    """Run the measurement from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("models", "organisations", "labels"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    for name in ("english-model", "multilingual-model"):
        parser.add_argument(f"--{name}", type=Path)
    parser.add_argument("--weights", nargs="*", default=[], metavar="SPACE=WEIGHT")
    parser.add_argument("--recipe", required=True, help="its name; vectors made by another one are made again")
    parser.add_argument("--out", type=Path, default=CONSTANTS)
    options = parser.parse_args()
    records = [json.loads(line) for line in options.organisations.open(encoding="utf-8")]
    needs, offers = (
        [ReadText(said["language"], clean(said["text"])) for record in records for said in record[role]]
        for role in ("needs", "offers")
    )
    with options.labels.open(encoding="utf-8") as file:
        labels = [ReadText("en", row[-1]) for row in csv.reader(file)][1 : LABELS + 1]
    chosen = Chosen(options.models, options.english_model, options.multilingual_model)
    weights = {Space(name): float(value) for name, value in (each.split("=") for each in options.weights)}
    fusion = replace(chosen.fusion, recipe=options.recipe, weights={**load_fusion().weights, **weights})
    models = load_models(chosen)
    texts = [*needs, *offers, *labels]
    raw = models[Space.MULTILINGUAL].encode([MULTILINGUAL_PREFIX + each.text for each in texts])
    fusion = replace(fusion, centres=centres(raw, [each.language for each in texts]))
    found = by_ground(needs, offers, Encoder(models, fusion))
    fusion = replace(fusion, calibrations={ground: Calibration(tuple(each)) for ground, each in found.items()})
    options.out.write_text(json.dumps(fusion.stored, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({"levels": LEVELS, "anchors": found}, indent=1))


if __name__ == "__main__":
    main()
