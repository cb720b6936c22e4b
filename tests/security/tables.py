"""Who may do what, written down: one line per route, one column per kind of caller.

Columns (small letters: of the organisation that the thing belongs to, CAPITALS: of another organisation):
``ano`` nobody, also with a bad token · ``non`` a person without any role · ``her`` the person whom it is about ·
``sme``/``SME`` another contact · ``hub``/``HUB`` hub manager · ``adm``/``ADM`` voucher administrator · ``aud``/``AUD``
auditor · ``rev`` auditor of no organisation in particular · ``ope`` operator · ``lin`` her token from a link in a
mail, good for one action only · ``cli`` the command line · ``con not mob mat pro`` the services
console, notifier, mobility, matching, profiles.

Marks: a number is the refusal's status: nothing private in the answer, nothing changed in the database.
``ok`` done (2xx) · ``see`` done, and the private part is in the answer · ``pub`` done, without the private part.
"""

from collections.abc import Mapping

COLUMNS = (
    *("ano", "non", "her", "sme", "SME", "hub", "HUB", "adm", "ADM", "aud", "AUD", "rev", "ope"),
    *("lin", "cli", "con", "not", "mob", "mat", "pro"),
)
MARKS = frozenset({"401", "403", "404", "ok", "see", "pub"})
OPEN = frozenset(
    {
        "GET /health/live",
        "GET /health/ready",
        "GET /metrics",
        "GET /docs",
        "GET /openapi.json",
        "GET /asyncapi",
        "MOUNT /docs/static",
    }
)
"""Open to everybody, in every service; a test sees that nothing private is in them."""

Table = Mapping[str, Mapping[str, str]]
"""Route → column → mark."""


def read(text: str) -> Table:
    """Read a table; every line must have a mark for every column."""
    heading, *lines = (line for line in text.splitlines() if line.strip())
    assert tuple(heading.split()) == COLUMNS, heading
    table: dict[str, dict[str, str]] = {}
    for line in lines:
        method, path, *marks = line.split()
        assert len(marks) == len(COLUMNS), f"{path}: {len(marks)} marks for {len(COLUMNS)} columns"
        assert set(marks) <= MARKS, f"{path}: {set(marks) - MARKS}"
        table[f"{method} {path}"] = dict(zip(COLUMNS, marks, strict=True))
    return table


OPERATIONS = read("""
                                      ano non her sme SME hub HUB adm ADM aud AUD rev ope lin cli con not mob mat pro
GET /operations/status                401 403 403 403 403 403 403 403 403 403 403 403 ok  403 ok  403 403 403 403 403
GET /operations/streams               401 403 403 403 403 403 403 403 403 403 403 403 ok  403 ok  403 403 403 403 403
GET /operations/parked                401 403 403 403 403 403 403 403 403 403 403 403 ok  403 ok  403 403 403 403 403
GET /operations/dead-letters          401 403 403 403 403 403 403 403 403 403 403 403 ok  403 ok  403 403 403 403 403
GET /operations/trace                 401 403 403 403 403 403 403 403 403 403 403 403 ok  403 ok  403 403 403 403 403
POST /operations/dead-letters/redrive 401 403 403 403 403 403 403 403 403 403 403 403 ok  403 ok  403 403 403 403 403
POST /operations/jobs/redrive         401 403 403 403 403 403 403 403 403 403 403 403 ok  403 ok  403 403 403 403 403
POST /operations/replay               401 403 403 403 403 403 403 403 403 403 403 403 ok  403 ok  403 403 403 403 403
""")
"""Every service has these."""

# The private part: name and address of a contact. Profiles of organisations are public to whoever is signed in.
PROFILES = read("""
                                      ano non her sme SME hub HUB adm ADM aud AUD rev ope lin cli con not mob mat pro
GET /organisations                    401 pub pub pub pub pub pub pub pub pub pub pub pub 403 pub pub pub pub pub pub
POST /organisations                   401 403 403 403 403 ok  403 403 403 403 403 403 ok  403 ok  403 403 403 403 403
GET /organisations/{}                 401 pub see see pub see pub see pub see pub pub see 403 see see see see see see
PUT /organisations/{}                 401 403 ok  ok  403 ok  403 403 403 403 403 403 ok  403 ok  403 403 403 403 403
POST /organisations/{}/withdraw       401 403 ok  ok  403 ok  403 403 403 403 403 403 ok  403 ok  403 403 403 403 403
DELETE /organisations/{}              401 403 403 403 403 403 403 403 403 403 403 403 ok  403 ok  403 403 403 403 403
POST /organisations/{}/people         401 403 ok  ok  403 ok  403 403 403 403 403 403 ok  403 ok  403 403 403 403 403
GET /people/{}                        401 404 see see 404 see 404 see 404 see 404 404 see 403 see see see see see 404
PUT /people/{}                        401 404 ok  403 404 403 404 403 404 403 404 404 ok  403 ok  ok  ok  403 403 404
DELETE /people/{}                     401 404 ok  403 404 403 404 403 404 403 404 404 ok  403 ok  403 403 403 403 404
GET /people/{}/export                 401 404 see 403 404 403 404 403 404 403 404 404 see 403 see 403 403 403 403 404
GET /people/{}/contact-card           401 403 403 403 403 403 403 403 403 403 403 403 403 403 403 see see see see 403
POST /contact-cards/by-email          401 403 403 403 403 403 403 403 403 403 403 403 403 403 403 see 403 403 403 403
POST /contact-cards/by-organisation   401 403 403 403 403 403 403 403 403 403 403 403 403 403 403 see see see see 403
POST /imports                         401 403 403 403 403 ok  ok  403 403 403 403 403 ok  403 ok  403 403 403 403 403
GET /imports/{}                       401 404 404 404 404 see 404 404 404 404 404 404 see 403 see 404 404 404 404 404
""")

# The private part: that two organisations were suggested to each other, and a roadmap. What organisations offer and
# need is public, and so are calls, but not what fits whom. ``lin`` is a link for another suggestion here.
MATCHING = read("""
                                      ano non her sme SME hub HUB adm ADM aud AUD rev ope lin cli con not mob mat pro
GET /suggestions                      401 pub see see pub see pub pub pub see pub see see 403 see pub pub pub pub pub
GET /suggestions/{}                   401 404 see see 404 see 404 404 404 see 404 see see 403 see 404 404 404 404 404
GET /suggestions/{}/explanation       401 404 see see 404 see 404 404 404 see 404 see see 403 see 404 404 404 404 404
GET /suggestions/{}/replay            401 404 403 403 404 403 404 404 404 see 404 see see 403 see 404 404 404 404 404
POST /suggestions/{}/answers          401 404 ok  ok  404 403 404 404 404 403 404 403 403 404 403 404 404 404 404 404
GET /connections                      401 pub see see pub see pub pub pub see pub see see 403 see pub pub pub pub pub
POST /roadmaps                        401 403 403 403 403 ok  403 403 403 403 403 403 ok  403 ok  403 403 403 403 403
GET /roadmaps                         401 pub pub pub pub see pub pub pub pub pub see see 403 see pub pub pub pub pub
GET /roadmaps/{}                      401 404 404 404 404 see 404 404 404 404 404 see see 403 see 404 404 404 404 404
GET /statements/search                401 pub pub pub pub pub pub pub pub pub pub pub pub 403 pub pub pub pub pub pub
POST /calls/imports                   401 403 403 403 403 403 403 403 403 403 403 403 ok  403 ok  403 403 403 403 403
GET /calls                            401 pub pub pub pub pub pub pub pub pub pub pub pub 403 pub pub pub pub pub pub
GET /calls/{}                         401 pub pub pub pub pub pub pub pub pub pub pub pub 403 pub pub pub pub pub pub
GET /organisations/{}/calls           401 404 see see 404 see 404 404 404 see 404 see see 403 see 404 404 404 404 404
GET /rankers                          401 403 403 403 403 403 403 403 403 403 403 see see 403 see 403 403 403 403 403
""")

# The private part: the visit and its report, the voucher and its bank reference, the ledger, a firm's state aid. "Own"
# are the visitor (her, sme), her hub (hub) and the funder (adm, aud). Programmes and their rules are public to whoever
# has a role.
MOBILITY = read("""
                                      ano non her sme SME hub HUB adm ADM aud AUD rev ope lin cli con not mob mat pro
POST /visits                          401 403 ok  ok  403 ok  403 403 403 403 403 403 403 403 403 403 403 403 403 403
GET /visits                           401 403 see see pub see pub see pub see pub see see 403 see 403 403 403 403 403
GET /visits/{}                        401 404 see see 404 see 404 see 404 see 404 see see 403 see 404 404 404 404 404
POST /visits/{}/decisions             401 404 ok  ok  404 403 404 403 404 403 404 403 403 403 403 404 404 404 404 404
POST /visits/{}/cancel                401 404 ok  ok  404 ok  404 403 404 403 404 403 403 403 403 404 404 404 404 404
POST /visits/{}/report                401 404 ok  ok  404 403 404 403 404 403 404 403 403 403 403 404 404 404 404 404
POST /programmes                      401 403 403 403 403 403 403 ok  403 403 403 403 403 403 403 403 403 403 403 403
GET /programmes                       401 403 pub pub pub pub pub pub pub pub pub pub pub 403 pub 403 403 403 403 403
GET /programmes/{}                    401 403 pub pub pub pub pub pub pub pub pub pub pub 403 pub 403 403 403 403 403
PUT /programmes/{}                    401 403 403 403 403 403 403 ok  403 403 403 403 403 403 403 403 403 403 403 403
GET /programmes/{}/ledger             401 403 403 403 403 403 403 see 403 see 403 see see 403 see 403 403 403 403 403
GET /programmes/{}/ledger.csv         401 403 403 403 403 403 403 see 403 see 403 see see 403 see 403 403 403 403 403
POST /vouchers                        401 403 ok  ok  403 403 403 403 403 403 403 403 403 403 403 403 403 403 403 403
GET /vouchers                         401 403 see see pub pub pub see pub see pub see see 403 see 403 403 403 403 403
GET /vouchers/{}                      401 404 see see 404 404 404 see 404 see 404 see see 403 see 404 404 404 404 404
POST /vouchers/{}/issue               401 404 403 403 404 404 404 ok  404 403 404 403 403 403 403 404 404 404 404 404
POST /vouchers/{}/code                401 404 ok  ok  404 404 404 403 404 403 404 403 403 403 403 404 404 404 404 404
POST /vouchers/{}/refuse              401 404 403 403 404 404 404 ok  404 403 404 403 403 403 403 404 404 404 404 404
POST /vouchers/{}/cancel              401 404 ok  ok  404 404 404 ok  404 403 404 403 403 403 403 404 404 404 404 404
POST /vouchers/{}/invoice             401 404 ok  ok  404 404 404 403 404 403 404 403 403 403 403 404 404 404 404 404
POST /vouchers/{}/approve             401 404 403 403 404 404 404 ok  404 403 404 403 403 403 403 404 404 404 404 404
POST /vouchers/{}/pay                 401 404 403 403 404 404 404 ok  404 403 404 403 403 403 403 404 404 404 404 404
GET /state-aid/headroom               401 403 see see 403 403 403 see 403 see 403 see see 403 see 403 403 403 403 403
GET /state-aid/statement              401 403 see see 403 403 403 see 403 see 403 see see 403 see 403 403 403 403 403
POST /state-aid/declarations          401 403 ok  ok  403 403 403 403 403 403 403 403 403 403 403 403 403 403 403 403
GET /state-aid/declarations           401 403 see see 403 403 403 see 403 see 403 see see 403 see 403 403 403 403 403
GET /state-aid/queue                  401 403 403 403 403 403 403 see pub see pub see see 403 see 403 403 403 403 403
GET /state-aid/register.csv           401 403 403 403 403 403 403 see pub see pub see see 403 see 403 403 403 403 403
POST /state-aid/reported              401 403 403 403 403 403 403 ok  403 403 403 403 403 403 403 403 403 403 403 403
POST /state-aid/rates                 401 403 403 403 403 403 403 403 403 403 403 403 ok  403 403 403 403 403 403 403
GET /state-aid/rates                  401 403 pub pub pub pub pub pub pub pub pub pub pub 403 pub 403 403 403 403 403
""")

# The private part: that a person was sent this mail, and what she chose.
NOTIFIER = read("""
                                      ano non her sme SME hub HUB adm ADM aud AUD rev ope lin cli con not mob mat pro
GET /deliveries                       401 pub see pub pub see pub see pub see pub see see 403 see 403 403 403 403 403
POST /deliveries/{}/resend            401 404 ok  404 404 ok  404 ok  404 403 404 403 ok  403 ok  403 403 403 403 403
POST /messages/sign-in                401 403 403 403 403 403 403 403 403 403 403 403 403 403 403 ok  403 403 403 403
POST /unsubscribe                     401 403 403 403 403 403 403 403 403 403 403 403 403 403 403 ok  403 403 403 403
GET /people/{}/preferences            401 404 see 404 404 404 404 404 404 404 404 see see 403 see 403 403 403 403 403
PUT /people/{}/preferences            401 404 ok  404 404 404 404 404 404 404 404 403 403 403 403 403 403 403 403 403
""")

TABLES: dict[str, Table] = {
    "profiles": OPERATIONS | PROFILES,
    "matching": OPERATIONS | MATCHING,
    "mobility": OPERATIONS | MOBILITY,
    "notifier": OPERATIONS | NOTIFIER,
}
