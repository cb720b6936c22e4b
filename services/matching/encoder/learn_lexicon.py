"""Learns ``lexicon.npz`` from aligned labels: ``python -m services.matching.encoder.learn_lexicon --labels FILE.csv.gz
--codes FILE.txt.gz [--share 0.7] [--out FILE]``.

FILE.csv.gz has a column ``code`` and one column per language; only the codes of the second file are learned from. The
shipped lexicon was learned from the dev half of the CPV codes, nothing of the other half.

1. A = labels × n-grams of a language: (1 + ln count) · idf, rows of unit length, as in :mod:`.lexicon`.
2. English: U, s = the largest eigenvectors and eigenvalues of A·Aᵀ; its table is Aᵀ·U/s, so that A·table = U.
3. Every other language: ridge regression from its n-grams to the position of the same label,
   table = Aᵀ·(A·Aᵀ + λ·I)⁻¹·U.
"""

import argparse
import csv
import gzip
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.progress import track
from scipy.linalg import cho_factor, cho_solve, eigh
from scipy.sparse import csr_matrix

from services.matching.encoder.calibration import Vectors
from services.matching.encoder.lexicon import LEXICON, MOST, Table, ngrams, pack, save_lexicon

RANK = 192
LAMBDA = 0.3
LEAST, MOST_COMMON = 6, 0.08
"""N-grams of fewer labels, or of a larger share of them, are left out."""
PIVOT = "en"


def vocabulary(labels: Sequence[str]) -> tuple[tuple[str, ...], Vectors]:
    """Return the n-grams of one language's labels and their inverse document frequencies."""
    frequency = Counter(each for label in labels for each in ngrams(label))
    kept = sorted(each for each, count in frequency.items() if LEAST <= count <= MOST_COMMON * len(labels))
    idf = [np.log((1 + len(labels)) / (1 + frequency[each])) + 1 for each in kept]
    return tuple(kept), np.array(idf, np.float32)


def features(labels: Sequence[str], known: Sequence[str], idf: Vectors) -> csr_matrix:
    """Return a sparse matrix, shape (labels, n-grams), with rows of unit length."""
    place = {each: column for column, each in enumerate(known)}
    rows, columns, values = [], [], []
    for row, label in enumerate(labels):
        for each, count in ngrams(label).items():
            if each in place:
                rows.append(row)
                columns.append(place[each])
                values.append((1 + np.log(count)) * idf[place[each]])
    made = csr_matrix((np.array(values, np.float32), (rows, columns)), (len(labels), len(known)))
    lengths = np.sqrt(np.asarray(made.multiply(made).sum(axis=1)).ravel())
    return csr_matrix(made.multiply(1 / np.maximum(lengths, 1e-6)[:, None]))


def learn(labels: dict[str, list[str]]) -> dict[str, Table]:
    """Learn the tables of all languages from labels in the same order. Nothing in it is random."""
    known, idf = vocabulary(labels[PIVOT])
    made = features(labels[PIVOT], known, idf)
    count = made.shape[0]
    values, vectors = eigh((made @ made.T).toarray(), subset_by_index=[count - RANK, count - 1])
    positions = vectors * np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(RANK)])
    tables = {PIVOT: _table(known, idf, made.T @ (positions / values))}
    for language in track(sorted(labels.keys() - {PIVOT}), "languages"):
        known, idf = vocabulary(labels[language])
        made = features(labels[language], known, idf)
        kernel = (made @ made.T).toarray()
        kernel[np.diag_indices(count)] += LAMBDA
        weights = cho_solve(cho_factor(kernel, lower=True, overwrite_a=True), positions)
        tables[language] = _table(known, idf, made.T @ weights)
    return tables


def _table(known: tuple[str, ...], idf: Vectors, numbers: Vectors) -> Table:
    numbers = numbers / np.abs(numbers).max()
    scale = np.maximum(np.abs(numbers).max(axis=1) / MOST, 1e-4)
    whole = np.clip(np.round(numbers / scale[:, None]), -MOST, MOST).astype(np.int8)
    return Table(known, idf, scale.astype(np.float32), pack(whole))


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--codes", type=Path, required=True)
    parser.add_argument("--share", type=float, default=1.0, help="learn from this share of the codes, drawn")
    parser.add_argument("--out", type=Path, default=LEXICON)
    options = parser.parse_args()
    with gzip.open(options.codes, "rt", encoding="utf-8") as file:
        codes = sorted(file.read().split())
    chosen = set(random.Random(7).sample(codes, int(len(codes) * options.share)))  # noqa: S311 - a split, no secret
    with gzip.open(options.labels, "rt", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["code"] in chosen]
    languages = [name for name in rows[0] if len(name) == 2]
    save_lexicon(learn({name: [row[name] for row in rows] for name in languages}), options.out)


if __name__ == "__main__":
    main()
