"""Made-up contacts: names usual in a language, addresses at example.org, a consent that says how it was (not) given."""

import csv
from pathlib import Path
from typing import Any

from deploy.local.seed.naming import ascii_fold, pick, share, slug

# country → (languages, the contact's language first; IANA time zone)
COUNTRIES: dict[str, tuple[tuple[str, ...], str]] = {
    "AT": (("de", "en"), "Europe/Vienna"),
    "BE": (("nl", "fr", "en"), "Europe/Brussels"),
    "BG": (("bg", "en"), "Europe/Sofia"),
    "CH": (("de", "fr", "en"), "Europe/Zurich"),
    "CY": (("el", "en"), "Asia/Nicosia"),
    "CZ": (("cs", "en"), "Europe/Prague"),
    "DE": (("de", "en"), "Europe/Berlin"),
    "DK": (("da", "en"), "Europe/Copenhagen"),
    "EE": (("et", "en"), "Europe/Tallinn"),
    "ES": (("es", "en"), "Europe/Madrid"),
    "FI": (("fi", "sv", "en"), "Europe/Helsinki"),
    "FO": (("da", "en"), "Atlantic/Faroe"),
    "FR": (("fr", "en"), "Europe/Paris"),
    "GB": (("en",), "Europe/London"),
    "GR": (("el", "en"), "Europe/Athens"),
    "HR": (("hr", "en"), "Europe/Zagreb"),
    "HU": (("hu", "en"), "Europe/Budapest"),
    "IE": (("en",), "Europe/Dublin"),
    "IL": (("en",), "Asia/Jerusalem"),
    "IS": (("is", "en"), "Atlantic/Reykjavik"),
    "IT": (("it", "en"), "Europe/Rome"),
    "LT": (("lt", "en"), "Europe/Vilnius"),
    "LV": (("lv", "en"), "Europe/Riga"),
    "NL": (("nl", "en"), "Europe/Amsterdam"),
    "NO": (("no", "en"), "Europe/Oslo"),
    "PL": (("pl", "en"), "Europe/Warsaw"),
    "PT": (("pt", "en"), "Europe/Lisbon"),
    "RO": (("ro", "en"), "Europe/Bucharest"),
    "RS": (("sr", "en"), "Europe/Belgrade"),
    "SE": (("sv", "en"), "Europe/Stockholm"),
    "SI": (("sl", "en"), "Europe/Ljubljana"),
    "SK": (("sk", "en"), "Europe/Bratislava"),
    "TR": (("tr", "en"), "Europe/Istanbul"),
    "UA": (("uk", "en"), "Europe/Kyiv"),
}

_NAMES: dict[str, tuple[str, str]] = {
    "bg": ("Elena Maria Desislava Gergana", "Ivanova Dimitrova Nikolova Petrova Stoyanova"),
    "cs": ("Jana Petr Lenka Tomáš Veronika Martin", "Krejčí Martinů Janů Petrů"),
    "da": ("Mette Lars Signe Anders Kirsten Søren Ida Rasmus", "Nielsen Jensen Holm Kjær Lund Møller Bech Dahl"),
    "de": (
        "Katrin Stefan Julia Markus Sabine Thomas Anja Florian Birgit Jonas Lena Matthias Heike Tobias",
        "Schuster Brandt Vogel Lindner Hartmann Keller Winkler Engel Baumann Seidel Krüger Albrecht Reuter Haas",
    ),
    "el": ("Eleni Maria Katerina Ioanna", "Papadaki Georgiou Nikolaidou Antoniou Vlachou"),
    "en": (
        "Emma James Sarah Daniel Fiona Patrick Helen Owen Claire Simon Alice Martin Rachel Peter Grace Tom",
        "Carter Hughes Walsh Bennett Murphy Foster Reid Shaw Collins Doyle Harper Brooks Quinn Marsh Field Hart",
    ),
    "es": (
        "Lucía Carlos Marta Javier Elena Pablo Carmen Sergio Nuria Álvaro Pilar Diego Irene Rubén Silvia Andrés",
        "García Romero Navarro Ortega Vidal Serrano Molina Castro Iglesias Pascual Herrera Campos Reyes Soler Vega",
    ),
    "et": ("Kadri Tarmo Liis Andres Piret Marko", "Tamm Saar Kask Rebane Ilves Mets"),
    "fi": (
        "Anna Mikko Laura Juha Sanna Antti Riikka Timo",
        "Virtanen Korhonen Mäkinen Laine Heikkinen Salonen Niemi Rantala",
    ),
    "fr": (
        "Camille Nicolas Sophie Julien Claire Antoine Hélène Mathieu Isabelle Vincent Aurélie Benoît",
        "Moreau Lefèvre Girard Mercier Bonnet Lambert Fontaine Rousseau Chevalier Gautier Perrin Morel",
    ),
    "hr": ("Ivana Marko Petra Luka", "Horvat Kovačić Babić Marić"),
    "hu": ("Katalin Gábor Zsófia Péter Ágnes László", "Nagy Szabó Tóth Kovács Horváth Varga"),
    "is": ("Guðrún Sigríður Helga Anna", "Jónsdóttir Einarsdóttir Ólafsdóttir Magnúsdóttir"),
    "it": (
        "Giulia Marco Francesca Luca Chiara Andrea Elena Matteo Silvia Davide Paola Stefano Valentina Roberto Laura",
        "Rossi Bianchi Ferrari Conti Gallo Costa Fontana Rizzo Moretti Lombardi Barbieri Mariani Greco Villa Serra",
    ),
    "lt": ("Tomas Jonas Mantas Darius", "Kazlauskas Petrauskas Jankauskas Balsys"),
    "lv": ("Ilze Līga Inese Dace", "Bērziņa Kalniņa Ozola Liepiņa"),
    "nl": (
        "Sanne Jeroen Marieke Pieter Anouk Bas Lotte Wouter",
        "de Vries Bakker Visser Smit Mulder Bos Dekker Kuipers",
    ),
    "no": ("Ingrid Lars Kari Ole Silje Erik", "Hansen Berg Haugen Solberg Lie Moen"),
    "pl": (
        "Anna Piotr Katarzyna Tomasz Magdalena Marek Joanna Michał",
        "Nowak Wójcik Mazur Krawczyk Dudek Kowalczyk Pawlak Sikora",
    ),
    "pt": ("Ana João Inês Rui Sofia Miguel", "Silva Ferreira Carvalho Teixeira Moreira Lopes"),
    "ro": ("Ioana Andrei Elena Mihai", "Popescu Ionescu Dumitru Stan"),
    "sk": ("Zuzana Katarína Martina Jana", "Kováčová Horváthová Balážová Šimková"),
    "sl": ("Maja Luka Nina Matej", "Novak Krajnc Zupančič Kovač"),
    "sr": ("Jelena Nikola Milica Marko", "Jovanović Petrović Nikolić Ilić"),
    "sv": (
        "Karin Johan Emma Anders Sofia Erik Malin Fredrik",
        "Andersson Lindgren Nilsson Ekström Berglund Holm Sandberg Åberg",
    ),
    "tr": ("Ayşe Mehmet Elif Can", "Yılmaz Demir Kaya Şahin"),
    "uk": ("Olena Andriy Iryna Taras", "Kovalenko Shevchenko Bondarenko Tkachenko"),
}

with (Path(__file__).parent / "authored" / "consent.csv").open(encoding="utf-8", newline="") as _lines:
    _WORDING = {row["language"]: row["wording"] for row in csv.DictReader(_lines)}
NO_CONSENT = 0.05  # part of the SME contacts without opt-in (half declined, half never asked): shows the rule at work


def consent(person: str, language: str, given: bool) -> dict[str, Any]:
    """The consent record; its moment lies in the first days of September 2026."""
    day, hour = 1 + int(share("day", person) * 20), 7 + int(share("hour", person) * 9)
    source = f"illustrative: {'registration' if given else 'declined in the registration'} form of the demo"
    wording = _WORDING.get(language, _WORDING["en"])
    return {
        "purpose": "suggestions",
        "given": given,
        "at": f"2026-09-{day:02d}T{hour:02d}:00:00Z",
        "wording": wording,
        "source": source,
    }


def contact(organisation: dict[str, Any], role: str, number: int = 1, given: bool | None = None) -> dict[str, Any]:
    """A made-up contact person of ``organisation`` (a record of the import format)."""
    languages, zone = COUNTRIES[organisation["country"]]
    language = languages[0]
    key = (organisation["supplied_id"], role, number)
    firsts, lasts = _NAMES[language]
    lasts_list = ["de Vries", *lasts.split()[2:]] if language == "nl" else lasts.split()
    first, last = pick(firsts.split(), "first", *key), pick(lasts_list, "last", *key)
    local = ".".join(ascii_fold(part).lower().replace(" ", "") for part in (first, last))
    supplied_id = f"person-{organisation['supplied_id']}-{number}"
    if given is None:
        given = share("consent", *key) >= NO_CONSENT
    return {
        "supplied_id": supplied_id,
        "name": f"{first} {last}",
        "email": f"{local}@{slug(organisation['name'])}.example.org",
        "role": role,
        "language": language,
        "time_zone": zone,
        "consent": None if not given and share("asked", *key) < 0.5 else consent(supplied_id, language, given),
    }
