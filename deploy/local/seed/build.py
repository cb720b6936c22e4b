"""Make the demo's seed files from the shared source data.

    python -m deploy.local.seed.build DATA

``DATA`` is a folder with ``seed/cordis_sme_and_fp7_projects.jsonl.gz``. The product never reads it: what it needs is
committed beside this file. Same input, same bytes: nothing here is random or dated. See README.md for what is real and
what is illustrative.
"""

import csv
import gzip
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from deploy.local.seed import classify, people
from deploy.local.seed.naming import display, share, slug
from deploy.local.seed.offers import shorten

HERE = Path(__file__).parent
Record = dict[str, Any]
INVENTED = "illustrative: invented for the demo"

ISO = {
    "Austria": "AT", "Belgium": "BE", "Bulgaria": "BG", "Croatia": "HR", "Cyprus": "CY", "Czech Republic": "CZ",
    "Denmark": "DK", "Estonia": "EE", "Faeroe Islands": "FO", "Finland": "FI", "France": "FR", "Germany": "DE",
    "Greece": "GR", "Hungary": "HU", "Iceland": "IS", "Ireland": "IE", "Israel": "IL", "Italy": "IT", "Latvia": "LV",
    "Netherlands": "NL", "Norway": "NO", "Poland": "PL", "Portugal": "PT", "Slovakia": "SK", "Slovenia": "SI",
    "Spain": "ES", "Sweden": "SE", "Switzerland": "CH", "Turkey": "TR", "Ukraine": "UA", "United Kingdom": "GB",
}  # fmt: skip


def read_projects(data: Path) -> list[Record]:
    """The projects of the SME instrument (the FP7 consortia do not describe an SME's own offer), oldest first."""
    with gzip.open(data / "seed" / "cordis_sme_and_fp7_projects.jsonl.gz", "rt", encoding="utf-8") as lines:
        projects = [json.loads(line) for line in lines]
    return sorted((p for p in projects if p["set"].startswith("SME")), key=lambda p: (p["start"], p["project_id"]))


def read_table(name: str) -> list[Record]:
    with (HERE / "authored" / name).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def read_needs() -> dict[str, list[Record]]:
    """Needs by organisation, from ``authored/needs_*.tsv``: tabs between supplied ids, language and text."""
    by_organisation: dict[str, list[Record]] = defaultdict(list)
    for path in sorted((HERE / "authored").glob("needs_*.tsv")):
        for line in path.read_text(encoding="utf-8").splitlines():
            supplied_ids, language, text = line.split("\t")
            for supplied_id in supplied_ids.split():
                by_organisation[supplied_id].append({"text": text, "language": language, "illustrative": True})
    return by_organisation


def empty(supplied_id: str, kind: str, name: str, country: str, source: str) -> Record:
    """A record of the import format with every field present."""
    return {
        "national_id": None, "supplied_id": supplied_id, "kind": kind, "name": name, "country": country, "region": None,
        "city": None, "website": None, "sectors": [], "languages": list(people.COUNTRIES[country][0]), "tags": [],
        "member_of": [], "undertaking_group": None, "offers": [], "needs": [], "contacts": [], "source": source,
    }  # fmt: skip


def cluster_records() -> list[Record]:
    """Cluster organisations, science parks and agencies from the hand-checked table."""
    records = []
    for row in read_table("clusters.csv"):
        real = row["source"] == "cordis"
        source = "CORDIS H2020 participants; contacts illustrative" if real else INVENTED
        record = empty(row["supplied_id"], row["kind"], row["name"], row["country"], source)
        record.update(region=row["region"] or None, city=row["city"] or None, website=row["website"] or None)
        record.update(
            sectors=row["sectors"].split("|"), tags=row["themes"].split("|") + ([] if real else ["illustrative"])
        )
        record["contacts"] = [
            people.contact(record, "hub_manager" if row["kind"] == "cluster" else "sme_contact", given=True)
        ]
        records.append(record)
    return records


def platform_records() -> list[Record]:
    """The two invented funders and the organisation that runs the platform."""
    records = []
    for row in read_table("platform.csv"):
        record = empty(row["supplied_id"], row["kind"], row["name"], row["country"], INVENTED)
        record.update(region=row["region"], city=row["city"], sectors=[row["sector"]], tags=["illustrative"])
        roles = row["roles"].split("|")
        record["contacts"] = [
            people.contact(record, role, number, given=True) for number, role in enumerate(roles, start=1)
        ]
        records.append(record)
    return records


def provider_records() -> list[Record]:
    """Invented laboratories, test sites and financiers: expertise that a voucher can pay, and kinds CORDIS lacks."""
    records = []
    for row in read_table("providers.csv"):
        record = empty(row["supplied_id"], row["kind"], row["name"], row["country"], INVENTED)
        record.update(region=row["region"], city=row["city"], sectors=row["sectors"].split("|"))
        record["tags"] = [*row["themes"].split("|"), "illustrative"]
        record["offers"] = [{"text": row["offer"], "language": "en", "illustrative": True}]
        record["contacts"] = [people.contact(record, "sme_contact", given=True)]
        records.append(record)
    return records


def sme_records(projects: list[Record], corrections: dict[str, Record]) -> list[Record]:
    """One record per firm chosen in ``firms.csv``; two projects of a firm make one record with one offer."""
    by_id = {project["project_id"]: project for project in projects}
    rows = sorted(read_table("firms.csv"), key=lambda r: (by_id[r["project"]]["start"], r["project"], r["partner"]))
    tags = classify.load(HERE / "authored" / "tags.csv")
    firms: dict[tuple[str, str], Record] = {}
    words: dict[tuple[str, str], str] = defaultdict(str)
    for row in rows:
        project, supplied_id = by_id[row["project"]], f"cordis-{row['project']}-{row['partner']}"
        partner, correction = project["partners"][int(row["partner"]) - 1], corrections.get(supplied_id, {})
        key = (slug(partner["name"]), partner["country"])
        if key not in firms:
            name = correction.get("name") or display(partner["name"])
            source = (
                f"CORDIS project {row['project']} ({project['acronym']}); needs, contacts and membership illustrative"
            )
            firms[key] = empty(supplied_id, "sme", name, ISO[partner["country"]], source)
            firms[key].update(region=correction.get("region") or None, city=correction.get("city") or None)
        words[key] += f" {project['title']}. {project['description']} {firms[key]['name']}"
        firms[key]["sectors"] = list(dict.fromkeys([*firms[key]["sectors"], *row["sectors"].split("|")]))
        if row["sentences"] != "-":
            text = shorten(project["title"], project["description"], [int(n) for n in row["sentences"].split()])
            firms[key]["offers"] = [{"text": text, "language": "en", "illustrative": False}]
    for key, firm in firms.items():
        firm["tags"] = tags_of(words[key], tags)
    return [firm for firm in firms.values() if firm["offers"]]


def tags_of(text: str, tags: list[classify.Rule]) -> list[str]:
    """The few strongest themes of a text; ``low-carbon`` whenever the text says so."""
    chosen = classify.best(tags, text, at_most=5, at_least=2.0, within=0.4) or classify.best(tags, text, 1, 1.0)
    if "low-carbon" not in chosen and "low-carbon" in classify.best(tags, text, at_most=99, at_least=2.0, within=0.0):
        chosen.append("low-carbon")
    return chosen


def join_clusters(firms: Iterable[Record], clusters: Iterable[Record]) -> None:
    """Give each firm a plausible cluster of its country: the one sharing most themes, the less crowded one on a tie."""
    crowd: Counter[str] = Counter()
    by_country: dict[str, list[Record]] = defaultdict(list)
    for cluster in clusters:
        if cluster["kind"] == "cluster":
            by_country[cluster["country"]].append(cluster)
    for firm in firms:
        choices = by_country[firm["country"]]
        if not choices:
            continue
        chosen = min(
            choices,
            key=lambda c: (
                -len(set(c["tags"]) & set(firm["tags"])) / len(c["tags"]) ** 0.5,
                crowd[c["supplied_id"]],
                share("cluster", firm["supplied_id"], c["supplied_id"]),
            ),
        )
        crowd[chosen["supplied_id"]] += 1
        firm["member_of"] = [chosen["supplied_id"]]
        firm["tags"].append("illustrative-membership")


def unique_addresses(records: Iterable[Record]) -> None:
    """Two firms of one name (or long names cut alike) must not share a mailbox."""
    seen: Counter[str] = Counter()
    for record in records:
        for contact in record["contacts"]:
            seen[contact["email"]] += 1
            if seen[contact["email"]] > 1:
                local, domain = contact["email"].split("@")
                contact["email"] = f"{local}{seen[contact['email']]}@{domain}"


def write(name: str, records: list[Record]) -> None:
    text = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    (HERE / name).write_text(text, encoding="utf-8")
    print(f"{name}: {len(records)} records, {len(text.encode())} bytes")


def main(data: Path) -> None:
    clusters, platform = cluster_records(), platform_records()
    firms = sme_records(read_projects(data), {row["supplied_id"]: row for row in read_table("corrections.csv")})
    join_clusters(firms, clusters)
    needs = read_needs()
    for record in [*clusters, *firms]:
        record["needs"] = needs.pop(record["supplied_id"], [])
    if needs:
        sys.exit(f"needs of unknown organisations: {sorted(needs)}")
    for firm in firms:
        firm["contacts"] = [people.contact(firm, "sme_contact")]
    providers = provider_records()
    unique_addresses([*clusters, *platform, *firms, *providers])
    write("clusters.jsonl", clusters)
    write("platform.jsonl", platform)
    write("organisations.jsonl", [*firms, *providers])


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
