"""Tags from the words of a text, by a keyword table that anyone can read and correct."""

import csv
import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Rule:
    """``label`` is a tag; a keyword counts ``weight`` once per mention, but at most twice per text."""

    label: str
    weight: float
    patterns: tuple[re.Pattern[str], ...]

    def score(self, text: str) -> float:
        return self.weight * sum(min(2, len(pattern.findall(text))) for pattern in self.patterns)


def load(table: Path) -> list[Rule]:
    """Rows ``label,weight,keywords``; keywords are separated by ``|``, ``*`` stands for any ending of a word."""
    with table.open(encoding="utf-8", newline="") as lines:
        return [
            Rule(row["label"], float(row["weight"]), tuple(_pattern(word) for word in row["keywords"].split("|")))
            for row in csv.DictReader(lines)
        ]


def _pattern(keyword: str) -> re.Pattern[str]:
    return re.compile(
        r"\b" + re.escape(keyword.strip()).replace(r"\*", r"\w*").replace(r"\ ", r"[\s-]+") + r"\b", re.IGNORECASE
    )


def best(rules: list[Rule], text: str, at_most: int, at_least: float, within: float = 0.5) -> list[str]:
    """Labels by falling score: those of at least ``at_least`` points and ``within`` of the best one's points."""
    scored = sorted(((rule.score(text), rule.label) for rule in rules), key=lambda item: (-item[0], item[1]))
    top = scored[0][0]
    return [label for score, label in scored[:at_most] if score >= at_least and score >= within * top]
