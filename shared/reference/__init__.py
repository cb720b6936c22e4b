"""Reference data that all services share: countries, languages, NUTS regions, NACE sectors, national e-mail rules.

Every look-up answers ``None`` for a code that does not exist, so that callers name the rule that was broken.
The tables are read once, at first use. Sources and licences: the NOTICE beside this file.
"""

from shared.reference.countries import (
    COUNTRIES,
    LANGUAGES,
    Country,
    EmailRule,
    country,
    country_by_name,
    email_rule,
    is_language,
    is_time_zone,
)
from shared.reference.nace import Sector, section_of, sector, sector_ancestors, sectors_at, sectors_within
from shared.reference.nuts import (
    DIFFERENT_COUNTRY,
    Region,
    region,
    region_ancestors,
    region_distance,
    region_in,
    region_successors,
    regions_of,
)

__all__ = [
    "COUNTRIES",
    "DIFFERENT_COUNTRY",
    "LANGUAGES",
    "Country",
    "EmailRule",
    "Region",
    "Sector",
    "country",
    "country_by_name",
    "email_rule",
    "is_language",
    "is_time_zone",
    "region",
    "region_ancestors",
    "region_distance",
    "region_in",
    "region_successors",
    "regions_of",
    "section_of",
    "sector",
    "sector_ancestors",
    "sectors_at",
    "sectors_within",
]
