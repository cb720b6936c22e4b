"""The mailbox's web view on the loopback interface: pages for people, JSON for programs."""

import html

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from deploy.local.mailbox import Mailbox, Message
from deploy.local.process import LOOPBACK

SHOWN = 500

PAGE_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; form-action 'self'; frame-ancestors 'none'"
)
PART_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"
)
"""A mail's HTML is foreign: no scripts, no forms, no requests; links open in a new tab."""


def web(mailbox: Mailbox) -> Starlette:
    """Return the web view: ``/`` and ``/view/N`` for people, ``/messages`` for programs."""

    def number_of(request: Request, name: str) -> int:
        value = request.query_params.get(name, "0")
        return int(value) if value.isdigit() else 0

    def find(request: Request) -> Message | None:
        number = int(request.path_params["number"])
        return next((each for each in mailbox.messages if each.number == number), None)

    async def messages(request: Request) -> Response:
        to, after = request.query_params.get("to", ""), number_of(request, "after")
        if wait := number_of(request, "wait"):
            await mailbox.wait(to, after, wait)
        full = request.query_params.get("full") == "true"
        found = [each.full() if full else each.summary() for each in mailbox.search(to, after)]
        return JSONResponse({"messages": found, "newest": mailbox.messages[-1].number if mailbox.messages else 0})

    async def message(request: Request) -> Response:
        found = find(request)
        return JSONResponse(found.full()) if found else JSONResponse({"detail": "no such message"}, 404)

    async def raw(request: Request) -> Response:
        found = find(request)
        return PlainTextResponse(found.mail.as_bytes() if found else b"no such message", 200 if found else 404)

    async def listing(request: Request) -> Response:
        to = request.query_params.get("to", "")
        newest_first = list(mailbox.search(to))[::-1]
        return _page("Mailbox", _listing(newest_first[:SHOWN], to, len(newest_first)))

    async def view(request: Request) -> Response:
        found = find(request)
        return (
            _page(str(found.mail["Subject"]), _view(found)) if found else _page("Mailbox", "<p>No such message.", 404)
        )

    async def part(request: Request) -> Response:
        found = find(request)
        # Links of a mail must leave the sandboxed frame.
        body = '<base target="_blank">' + found.part("html") if found else ""
        return HTMLResponse(body, headers={"Content-Security-Policy": PART_POLICY, "Referrer-Policy": "no-referrer"})

    return Starlette(
        routes=[
            Route("/", listing),
            Route("/view/{number:int}", view),
            Route("/view/{number:int}/html", part),
            Route("/messages", messages),
            Route("/messages/{number:int}", message),
            Route("/messages/{number:int}/raw", raw),
        ],
        # A web page elsewhere must not read the mails through a name that it points to this machine.
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=[LOOPBACK, "localhost"])],
    )


STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem;color:#1b1f24}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.4rem .6rem;border-bottom:1px solid #d5d9de}
iframe{width:100%;height:46rem;border:1px solid #d5d9de}pre{white-space:pre-wrap;background:#f5f6f8;padding:1rem}
input{font:inherit;padding:.3rem;width:22rem}"""


def _page(title: str, body: str, status: int = 200) -> HTMLResponse:
    text = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>'
    text += f"<style>{STYLE}</style><h1>{html.escape(title)}</h1>{body}"
    return HTMLResponse(text, status, headers={"Content-Security-Policy": PAGE_POLICY})


def _listing(messages: list[Message], to: str, total: int) -> str:
    rows = "".join(
        f"<tr><td>{each.received_at[11:19]}<td>{html.escape(', '.join(each.recipients))}"
        f'<td><a href="/view/{each.number}">{html.escape(str(each.mail["Subject"] or "(no subject)"))}</a>'
        for each in messages
    )
    return (
        f'<form><label>Recipient contains <input name="to" value="{html.escape(to)}"></label> '
        f"<button>Search</button></form>"
        f"<p>{total} messages, the newest first.</p><table><tr><th>Time (UTC)<th>To<th>Subject{rows}</table>"
    )


def _view(message: Message) -> str:
    names = ("From", "To", "Date", "Message-ID", "List-Unsubscribe", "List-Unsubscribe-Post")
    headers = "".join(
        f"<tr><th>{name}<td>{html.escape(str(message.mail[name]))}" for name in names if message.mail[name] is not None
    )
    return (
        f'<p><a href="/">All messages</a> · <a href="/messages/{message.number}/raw">source</a></p>'
        f"<table>{headers}</table>"
        f'<iframe title="HTML part" src="/view/{message.number}/html"></iframe>'
        f"<h2>Plain text</h2><pre>{html.escape(message.part('plain'))}</pre>"
    )
