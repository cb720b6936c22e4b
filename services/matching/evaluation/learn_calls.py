"""Learns how texts are compared with calls (``calls/challenges.npz``) and measures it on queries it has not seen.

``python -m services.matching.evaluation.learn_calls --data DIR --queries FILE --organisations FILE --calls FILE
[--folds 5] [--out FILE]``: projects and the calls they answered, as in the benchmark; organisations and calls in the
formats of the imports, by which similarities are calibrated (:mod:`services.matching.encoder.calibration`).

1. Whitening in closed form: C, the covariance of text − call over the pairs, and m, the mean of its eigenvalues, give
   M = V diag(((λ + m) / 2m)^-½) V'. 2. The refinement x + x·U·V (rank 16, one of each side and space): softmax over
   all calls, AdamW. 3. The weights: softmax regression on the scores of queries that the maps have not learned from.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from services.matching.calls.challenges import CONSTANTS, READ, SPACES, WIDTH, Challenges, Learned, unit
from services.matching.calls.words import CallWords
from services.matching.encoder.calibration import LEVELS, Vectors
from services.matching.encoder.encoder import Encoder, load_encoder
from services.matching.encoder.measure_calibration import anchors
from services.matching.encoder.spaces import ReadText, read_text
from services.matching.evaluation.calls import Benchmark, in_learned_years, read_benchmark
from services.matching.evaluation.figures import Scores, retrieval
from services.matching.settings import Settings

RANK, STEPS, BATCH, DROPOUT, RATE, DECAY = 16, 80, 256, 0.4, 3e-3, 1.0
FIRST = np.array([7.0, 3.0, 5.0], np.float32)
"""Weights of the spaces while the refinement is learned."""
START = [4.0, 2.0, 4.0, 4.0, 2.0, 2.0]
BEST_WRONG = 200
SEED = 0
UNREAD = {"english": LEVELS, "other": LEVELS}
"""Anchors before there are any."""
NO_WEIGHTS = np.empty(0, np.float32)


@dataclass(frozen=True)
class Pairs:
    """Raw unit vectors of texts and calls in the three spaces, which calls are right, and the one answered."""

    texts: list[Vectors]
    calls: list[Vectors]
    right: npt.NDArray[np.bool_]

    @property
    def answered(self) -> npt.NDArray[np.int64]:
        """One right call of each text."""
        answered: npt.NDArray[np.int64] = self.right.argmax(axis=1)
        return answered


def pairs_of(benchmark: Benchmark, encoder: Encoder) -> Pairs:
    """Read texts and calls as the product does."""
    blank = Learned({}, np.ones(2 * len(SPACES), np.float32), UNREAD)
    product = Challenges(encoder.fusion, blank)
    titles = [product.question(ReadText("en", each)) for each in benchmark.texts]
    asked = encoder.encode(titles)
    read = [text for call in benchmark.calls for text in product.reads(call)]
    said = encoder.encode(read).reshape(len(benchmark.calls), 2, -1)
    part = encoder.fusion.part
    texts = [product.raw(asked[:, part(space)], space, "en") for space in SPACES]
    calls = [product.raw(said[:, row, part(space)], space, "en") for space, row in zip(SPACES, READ, strict=True)]
    return Pairs([each for each in texts if each is not None], [each for each in calls if each is not None],
                 benchmark.right)  # fmt: skip


def learn_maps(pairs: Pairs, rows: npt.NDArray[np.int64]) -> dict[str, Vectors]:
    """Return whitening and refinement, learned from these queries; as they are stored, in half precision."""
    maps: dict[str, Vectors] = {}
    sides = []
    for space, (text, call) in enumerate(zip(pairs.texts, pairs.calls, strict=True)):
        maps |= _whitening(text[rows], call, pairs.answered[rows], space)
        known = Learned(maps, NO_WEIGHTS, UNREAD)
        sides.append((known.white(text, space, "q"), known.white(call, space, "t")))
    maps |= _refinement(sides, pairs.right, rows)
    return {name: each.astype(np.float16).astype(np.float32) for name, each in maps.items()}


def _whitening(text: Vectors, call: Vectors, answered: npt.NDArray[np.int64], space: int) -> dict[str, Vectors]:
    means = text.mean(0), call.mean(0)
    apart = unit(text - means[0]) - unit(call - means[1])[answered]
    values, vectors = np.linalg.eigh(np.cov(apart.T, bias=True))
    scale = ((values + values.mean()) / (2 * values.mean())) ** -0.5
    return {f"mq{space}": means[0], f"mt{space}": means[1], f"M{space}": ((vectors * scale) @ vectors.T).astype("f4")}


def _refinement(
    sides: Sequence[tuple[Vectors, Vectors]], right: npt.NDArray[np.bool_], rows: npt.NDArray[np.int64]
) -> dict[str, Vectors]:
    """Learn U and V by gradient descent; seeded, so that the same pairs give the same."""
    chance = torch.Generator().manual_seed(SEED)
    torch.manual_seed(SEED)
    found: dict[str, torch.Tensor] = {}
    for space in range(len(sides)):
        for side in "qt":
            found[f"U{side}{space}"] = torch.randn(WIDTH, RANK, generator=chance) * 0.05
            found[f"V{side}{space}"] = torch.zeros(RANK, WIDTH)
    for each in found.values():
        each.requires_grad = True
    optimiser = torch.optim.AdamW(found.values(), lr=RATE, weight_decay=DECAY)
    white = [(torch.tensor(text), torch.tensor(call)) for text, call in sides]
    correct, among = torch.tensor(right), torch.tensor(rows)
    for step in range(STEPS):
        for group in optimiser.param_groups:
            group["lr"] = RATE * (1 - step / STEPS)
        batch = among[torch.randperm(len(among), generator=chance)[:BATCH]]
        total = torch.zeros(len(batch), right.shape[1])
        for space, (text, call) in enumerate(white):
            one = _moved(text[batch], found[f"Uq{space}"], found[f"Vq{space}"])
            other = _moved(call, found[f"Ut{space}"], found[f"Vt{space}"])
            total = total + float(FIRST[space]) * one @ other.T
        optimiser.zero_grad()
        _surprise(total, correct[batch]).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return {name: each.detach().numpy() for name, each in found.items()}


def _moved(white: torch.Tensor, u: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    kept = torch.nn.functional.dropout(white, DROPOUT)
    return torch.nn.functional.normalize(kept + kept @ u @ v, dim=1)


def _surprise(scores: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    return (torch.logsumexp(scores, 1) - torch.logsumexp(scores.masked_fill(~right, -1e9), 1)).mean()


def parts_of(maps: dict[str, Vectors], pairs: Pairs, rows: npt.NDArray[np.int64]) -> list[Scores]:
    """Return what is weighed: cosines of the three spaces, whitened and then refined, of some queries."""
    known, plain, refined = Learned(maps, NO_WEIGHTS, UNREAD), [], []
    for space, (text, call) in enumerate(zip(pairs.texts, pairs.calls, strict=True)):
        one, other = known.white(text[rows], space, "q"), known.white(call, space, "t")
        plain.append(one @ other.T)
        refined.append(known.refined(one, space, "q") @ known.refined(other, space, "t").T)
    return [*plain, *refined]


def learn_weights(parts: Sequence[Scores], right: npt.NDArray[np.bool_], start: Sequence[float]) -> Vectors:
    """Return weights ≥ 0 by softmax regression over the right call and the best wrong ones."""
    base = sum(weight * each for weight, each in zip(start, parts, strict=True))
    best = np.argpartition(-np.asarray(base), BEST_WRONG, axis=1)[:, :BEST_WRONG]
    among = np.concatenate([right.argmax(axis=1)[:, None], best], axis=1)
    values = torch.tensor(np.stack([np.take_along_axis(each, among, 1) for each in parts], -1), dtype=torch.float32)
    correct = torch.tensor(np.take_along_axis(right, among, 1))
    weights = torch.tensor(np.log(np.array(start, np.float32)), requires_grad=True)
    optimiser = torch.optim.LBFGS([weights], max_iter=60, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        found = _surprise(values @ weights.exp(), correct) + 1e-3 * (weights.exp() ** 2).mean()
        found.backward()  # type: ignore[no-untyped-call]
        return found

    optimiser.step(loss)  # type: ignore[no-untyped-call]
    result: Vectors = weights.detach().exp().numpy()
    return result


@dataclass(frozen=True)
class Unseen:
    """Scores of queries by maps that have not learned from them; ``fold`` says which ones those were."""

    parts: list[Scores]
    fold: npt.NDArray[np.int64]

    def figures(self, right: npt.NDArray[np.bool_], more: Sequence[Scores] = ()) -> dict[str, float]:
        """Return the measures, weights too being learned without the fold; ``more``: parts beside those of texts."""
        parts, start = [*self.parts, *more], [*START, *[3.0] * len(more)]
        total = np.zeros(right.shape, np.float32)
        for one in np.unique(self.fold):
            mine = self.fold == one
            weights = learn_weights([each[~mine] for each in parts], right[~mine], start)
            total[mine] = sum(weight * each[mine] for weight, each in zip(weights, parts, strict=True))
        return retrieval(total, right)


def unseen(pairs: Pairs, folds: int, progress: Callable[[str], object]) -> Unseen:
    """Learn the maps once for each fold of queries, without it."""
    count = len(pairs.right)
    fold = np.random.default_rng(SEED).permutation(count) % folds
    parts = [np.zeros(pairs.right.shape, np.float32) for _ in range(2 * len(SPACES))]
    for one in range(folds):
        progress(f"fold {one + 1} of {folds}")
        asked = np.flatnonzero(fold == one)
        for whole, part in zip(parts, parts_of(learn_maps(pairs, np.flatnonzero(fold != one)), pairs, asked),
                               strict=True):  # fmt: skip
            whole[asked] = part
    return Unseen(parts, fold)


def calibrate(learned: Learned, encoder: Encoder, organisations: Path, calls: Path) -> dict[str, Vectors]:
    """Return the anchors of both grounds: what the dot products of statements and calls paired at random are."""
    product = Challenges(encoder.fusion, learned)
    said = [
        read_text(each["text"], each["language"])
        for line in _lines(organisations) for role in ("offers", "needs") for each in line[role]
    ]  # fmt: skip
    words = [CallWords(each["supplied_id"], each["title"], "en", each["title"]) for each in _lines(calls)]
    fused = encoder.encode([text for each in words for text in product.reads(each)]).reshape(len(words), 2, -1)
    targets = np.stack([product.of_call(product.to_store(each), "en") for each in fused])
    vectors = encoder.encode(said)
    found = {}
    for name, rows in (
        ("english", [row for row, each in enumerate(said) if each.language == "en"]),
        ("other", [row for row, each in enumerate(said) if each.language != "en"]),
    ):
        texts = np.stack([product.of_text(vectors[row], said[row].language) for row in rows])
        weights = learned.weights.reshape(2, -1)[:, 0 if name == "english" else 1 :]
        found[f"anchors_{name}"] = np.array(anchors(texts @ targets.T, float(weights.sum())))
    return found


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def main() -> None:
    """Learn, measure and write from the command line."""
    torch.set_num_threads(1)  # the matrices are small: threads that wait for each other lose more than they win
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("data", "queries", "organisations", "calls"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=CONSTANTS)
    options = parser.parse_args()
    benchmark = read_benchmark(options.data, options.queries)
    settings = Settings()
    encoder = load_encoder(settings.models, settings.encoder_threads)
    pairs = pairs_of(benchmark, encoder)
    apart = unseen(pairs, options.folds, print)
    years = np.repeat(in_learned_years(benchmark.calls)[None], len(pairs.right), axis=0)
    weights = learn_weights(apart.parts, pairs.right, START)
    dated = learn_weights([*apart.parts, years], pairs.right, [*START, 3.0])
    print(json.dumps({"texts": apart.figures(pairs.right), "texts and year": apart.figures(pairs.right, [years]),
                      "weights": weights.tolist(), "weights with year": dated.tolist()}, indent=1))  # fmt: skip
    maps = learn_maps(pairs, np.arange(len(pairs.right)))
    learned = Learned(maps, weights, UNREAD)
    found = calibrate(learned, encoder, options.organisations, options.calls)
    half = {name: each.astype(np.float16) for name, each in maps.items()}
    np.savez_compressed(options.out, **half, weights=weights, **found)  # type: ignore[arg-type]
    print(json.dumps({name: each.tolist() for name, each in found.items()}))


if __name__ == "__main__":
    main()
