"""Who may open which page of the console and press which button.

Columns: ``ano`` nobody · ``non`` signed in without a role · ``sme hub adm aud ope`` signed in with that role.
``all``: works without a session (the address may carry a secret of its own) · ``in``: leads to the sign-in page, or
says 401 to a program · ``may``: asks the others with the person's own token (they decide), or needs none of them ·
``403``/``404``: refused by the console itself, and no other service is asked.

Unsafe routes are guarded against foreign origins; the one exception is in :data:`ONE_CLICK`.
"""

COLUMNS = ("ano", "non", "sme", "hub", "adm", "aud", "ope")
ONE_CLICK = "POST /unsubscribe/{}"
ENDLESS = "GET /operator/live"
"""A stream of events: only its refusals can be awaited."""

_TEXT = """
                                      ano non sme hub adm aud ope
GET /                                 all may may may may may may
GET /static/{}/{}                     all may may may may may may
GET /favicon.ico                      all may may may may may may
GET /robots.txt                       all may may may may may may
GET /sign-in                          all may may may may may may
POST /sign-in                         all may may may may may may
GET /sign-in/{}                       all may may may may may may
POST /sign-in/{}                      all may may may may may may
POST /sign-out                        all may may may may may may
GET /answer/{}                        all may may may may may may
POST /answer/{}                       all may may may may may may
GET /unsubscribe/{}                   all may may may may may may
POST /unsubscribe/{}                  all may may may may may may
POST /token                           in  may may may may may may
GET /organisations                    in  may may may may may may
GET /organisations/{}                 in  may may may may may may
GET /organisations/new                in  403 403 may 403 403 may
POST /organisations                   in  403 403 may 403 403 may
GET /organisations/{}/edit            in  403 may may 403 403 may
POST /organisations/{}                in  403 may may 403 403 may
GET /organisations/{}/withdraw        in  403 may may 403 403 may
POST /organisations/{}/withdraw       in  403 may may 403 403 may
GET /statements                       in  may may may may may may
GET /calls                            in  may may may may may may
GET /calls/fitting                    in  403 may may 403 403 403
GET /suggestions                      in  403 may may 403 403 403
GET /suggestions/{}                   in  may may may may may may
GET /suggestions/{}/why               in  may may may may may may
POST /suggestions/{}/answers          in  may may may may may may
GET /connections                      in  403 may may 403 403 403
GET /visits                           in  403 may may may may may
GET /visits/new                       in  403 404 404 403 403 403
POST /visits                          in  may may may may may may
GET /visits/{}                        in  may may may may may may
POST /visits/{}/decisions             in  may may may may may may
POST /visits/{}/cancel                in  may may may may may may
POST /visits/{}/report                in  may may may may may may
GET /vouchers                         in  403 may may may may may
GET /vouchers/new                     in  403 may may 403 403 403
POST /vouchers                        in  may may may may may may
GET /vouchers/{}                      in  may may may may may may
POST /vouchers/{}/issue               in  may may may may may may
POST /vouchers/{}/refuse              in  may may may may may may
POST /vouchers/{}/cancel              in  may may may may may may
POST /vouchers/{}/invoice             in  may may may may may may
POST /vouchers/{}/code                in  may may may may may may
POST /vouchers/{}/approve             in  may may may may may may
POST /vouchers/{}/pay                 in  may may may may may may
GET /programmes                       in  may may may may may may
GET /programmes/{}                    in  may may may may may may
GET /programmes/new                   in  403 403 403 may 403 403
POST /programmes                      in  403 403 403 may 403 403
GET /programmes/{}/edit               in  403 403 403 may 403 403
POST /programmes/{}                   in  403 403 403 may 403 403
GET /programmes/{}/applications       in  404 404 404 404 404 404
GET /programmes/{}/ledger             in  404 404 404 404 404 404
GET /programmes/{}/ledger.csv         in  may may may may may may
GET /imports                          in  403 403 may 403 403 may
POST /imports                         in  403 403 may 403 403 may
GET /hub                              in  403 403 may 403 403 403
GET /roadmaps                         in  403 403 may 403 403 403
POST /roadmaps                        in  may may may may may may
GET /roadmaps/{}                      in  may may may may may may
GET /operator                         in  403 403 403 403 403 may
GET /operator/live                    in  403 403 403 403 403 may
GET /operator/streams                 in  403 403 403 403 403 may
GET /operator/parked                  in  403 403 403 403 403 may
GET /operator/dead-letters            in  403 403 403 403 403 may
POST /operator/dead-letters/redrive   in  403 403 403 403 403 may
POST /operator/replay                 in  403 403 403 403 403 may
GET /operator/trace                   in  403 403 403 403 403 may
GET /operator/messages                in  403 403 403 403 may may
GET /account                          in  may may may may may may
POST /account                         in  may may may may may may
POST /account/consent                 in  may may may may may may
POST /account/mails                   in  may may may may may may
GET /account/messages                 in  may may may may may may
GET /messages                         in  403 403 may may 403 403
POST /messages/{}/resend              in  may may may may may may
"""
# The visit form and the books (applications, ledger) are 404 here because connection and programme are made up; what
# is one's own is tested with the console's pages.


def table() -> dict[str, dict[str, str]]:
    """Return route → column → mark."""
    heading, *lines = (line.split() for line in _TEXT.splitlines() if line.strip())
    assert tuple(heading) == COLUMNS
    return {f"{method} {path}": dict(zip(COLUMNS, marks, strict=True)) for method, path, *marks in lines}
