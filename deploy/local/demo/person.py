"""A person of the story: signs in by the link in her mail and acts with her own token, over public HTTP only."""

import time
from typing import Any

from deploy.local.demo.mailbox_reader import MailboxReader, link_with
from deploy.local.operator_client import Caller, ServiceError

TOKEN_GOOD_FOR_SECONDS = 200.0
PATIENCE_SECONDS = 20.0

STILL_ON_ITS_WAY = frozenset(
    {"known-organisation", "known-connection", "visitor-is-known", "not-found", "both-in-a-cluster", "service-away"}
)
"""Rules that refuse while an event is still travelling to the service that is asked."""


class Person:
    """Somebody with an e-mail address. Signs in once, at the first call; her session is a cookie, as in a browser."""

    def __init__(self, email: str, urls: dict[str, str], mailbox: MailboxReader) -> None:
        self.email = email
        self.urls = urls
        self.person_id = ""
        self._mailbox = mailbox
        self._caller = Caller()
        self._token = ""
        self._token_at = 0.0

    def close(self) -> None:
        """Close the connections."""
        self._caller.close()

    def ask_for_link(self) -> str:
        """Ask the console for a sign-in link and return it from the mail."""
        before = self._mailbox.newest()
        self._post("/sign-in", data={"email": self.email})
        mail = self._mailbox.wait_for(self.email, before, link="/sign-in/")
        return link_with(mail, "/sign-in/")

    def sign_in(self) -> None:
        """Follow the link: opening it only asks, the button signs in."""
        link = self.ask_for_link()
        self._caller.send("GET", link)
        self._post("/sign-in/" + link.rsplit("/sign-in/", 1)[1])
        self._renew()

    def call(self, service: str, method: str, path: str, **extra: Any) -> Any:
        """Call a service's public API as this person and return the decoded answer."""
        if not self._token:
            self.sign_in()
        elif time.monotonic() - self._token_at > TOKEN_GOOD_FOR_SECONDS:
            self._renew()
        response = self._caller.send(method, self.urls[service] + path, self._token, **extra)
        return response.json() if response.content else None

    def call_patiently(self, service: str, method: str, path: str, **extra: Any) -> Any:
        """Like :meth:`call`, but try again while what was just done is still on its way to that service."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return self.call(service, method, path, **extra)
            except ServiceError as error:
                late = time.monotonic() > deadline
                if late or (error.rule not in STILL_ON_ITS_WAY and error.status != 404):
                    raise
                time.sleep(0.2)

    def _renew(self) -> None:
        answer = self._post("/token").json()
        self._token, self.person_id, self._token_at = answer["token"], answer["person_id"], time.monotonic()

    def _post(self, path: str, **extra: Any) -> Any:
        console = self.urls["console"]
        # What a browser sends; without it the console refuses, so that no other site can act for her.
        return self._caller.send("POST", console + path, headers={"Origin": console}, **extra)
