"""Make the demo's seed of EU calls from the shared source data.

    python -m deploy.local.seed.calls DATA

``DATA`` is a folder with ``seed/eu_calls_2026-08.jsonl.gz``; the result, ``calls.jsonl``, is committed beside this
file. Same input, same bytes. Texts are only shortened and mended: letters decoded wrongly, spaces lost between
sentences.
"""

import gzip
import json
import re
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
LONGEST = 700
"""Characters of a description that are kept: more than models read, enough for people to see what it is about."""
SOURCE = "EU Funding & Tenders Portal, August 2026, © European Union"

_MOJIBAKE = re.compile(r"[\u00c2-\u00f4][\u0080-\u00bf\u0152-\u0178\u0192\u02c6\u02dc\u2013-\u2122]{1,3}")
_LOST_QUOTE = "â€"
"""A closing quotation mark whose last byte was dropped on the way."""
_LOST_BLANK = re.compile(r"Â(?=\s|$)")
"""What is left of a hard blank."""
_LOST_SPACE = re.compile(r"(?<=[a-z\])”]{2}[.:;])(?=[A-Z])|(?<=[a-z]{2};)(?=[a-z])|(?<=[a-z]{5}:)(?=[a-z])")
_FOOTNOTE = re.compile(r"\[\d+\]")
_ADDRESS = re.compile(r"\S+@\S+")


def mended(text: str) -> str:
    """Return a text with UTF-8 that was read as Windows-1252 put right, and spaces between its sentences."""

    def right(found: re.Match[str]) -> str:
        try:
            # Windows-1252 has no letter for five bytes; they stayed as they were.
            return b"".join(each.encode("latin-1" if each <= "\xff" else "cp1252") for each in found.group()).decode(
                "utf-8"
            )
        except UnicodeError:
            return found.group()

    text = _FOOTNOTE.sub("", _MOJIBAKE.sub(right, text)).replace(_LOST_QUOTE, "”")
    text = _LOST_BLANK.sub("", text)
    return " ".join(_ADDRESS.sub("", _LOST_SPACE.sub(" ", text)).split())


def shortened(text: str, longest: int = LONGEST) -> str:
    """Cut at a word's end; a cut is shown by an ellipsis."""
    return text if len(text) <= longest else text[: longest - 1].rsplit(" ", 1)[0].rstrip(" ,;:.-") + "…"


def record(topic: dict[str, Any]) -> dict[str, Any]:
    """Return a call in the import format of matching; fields that say nothing are left out."""
    low, high = topic["budgetMin"] or None, topic["budgetMax"] or None
    made = {
        "supplied_id": topic["topicId"],
        "title": mended(topic["title"]),
        "description": shortened(mended(topic["description"])),
        "language": "en",
        "programme": topic["programme"],
        "kind_of_action": topic["typesOfAction"] or topic["actionType"],
        "status": topic["callStatus"],
        "deadline": topic["deadline"],
        "budget_min": low,
        "budget_max": high,
        "currency": "EUR" if low or high else None,
        "url": topic["portalUrl"],
        "source": SOURCE,
    }
    return {name: value for name, value in made.items() if value not in (None, "")}


def build(data: Path) -> list[dict[str, Any]]:
    """Return all calls, the earliest deadline first."""
    with gzip.open(data / "seed" / "eu_calls_2026-08.jsonl.gz", "rt", encoding="utf-8") as lines:
        topics = [json.loads(line) for line in lines]
    return sorted(map(record, topics), key=lambda each: (each["deadline"], each["supplied_id"]))


def main() -> None:
    """Write ``calls.jsonl``."""
    lines = (json.dumps(each, ensure_ascii=False) for each in build(Path(sys.argv[1])))
    (HERE / "calls.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


if __name__ == "__main__":
    main()
