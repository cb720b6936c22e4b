"""The notifier's HTTP: who sees which delivery, who may ask for what."""

from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID

import httpx
import pytest

from services.notifier.__main__ import service
from services.notifier.consent import SUGGESTIONS
from shared.ids import new_id
from tests.notifier.events import organisation, suggestion
from tests.notifier.support import Notifier

OURS, THEIRS = organisation("Alpha GmbH"), organisation("Beta SAS", "FR")


@pytest.fixture
async def http(notifier: Notifier) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the notifier's application."""
    application = service.http_app(notifier.context)
    transport = httpx.ASGITransport(application)
    async with httpx.AsyncClient(transport=transport, base_url="http://notifier") as client:
        yield client


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def _sent(notifier: Notifier) -> UUID:
    await notifier.knows(OURS, THEIRS)
    anna = await notifier.person("Anna", (OURS.organisation_id, "sme_contact"))
    await notifier.proposes(suggestion(OURS.organisation_id, THEIRS.organisation_id))
    await notifier.works()
    return anna


async def test_a_person_sees_her_own_mails_with_their_trail(
    notifier: Notifier, http: httpx.AsyncClient, token: Callable[..., str]
) -> None:
    anna = await _sent(notifier)
    answer = await http.get("/deliveries", headers=_bearer(token("sme_contact", OURS.organisation_id, person_id=anna)))

    (delivery,) = answer.json()["items"]
    assert (delivery["state"], delivery["template"]) == ("sent", "suggestion")
    assert [each["outcome"] for each in delivery["attempts"]] == ["sent"]
    assert "@" not in answer.text


@pytest.mark.parametrize(
    ("role", "organisation_id", "seen"),
    [
        ("operator", None, 1),
        ("auditor", None, 1),
        ("hub_manager", OURS.organisation_id, 1),
        ("hub_manager", THEIRS.organisation_id, 0),
        ("sme_contact", OURS.organisation_id, 0),
        ("sme_contact", THEIRS.organisation_id, 0),
    ],
)
async def test_others_see_a_mail_only_if_they_act_for_its_organisation(
    notifier: Notifier,
    http: httpx.AsyncClient,
    token: Callable[..., str],
    role: str,
    organisation_id: UUID | None,
    seen: int,
) -> None:
    anna = await _sent(notifier)
    answer = await http.get(f"/deliveries?person_id={anna}", headers=_bearer(token(role, organisation_id)))
    assert len(answer.json()["items"]) == seen

    (delivery,) = await notifier.deliveries()
    again = await http.post(f"/deliveries/{delivery.delivery_id}/resend", headers=_bearer(token(role, organisation_id)))
    assert again.status_code == {("operator", 1): 202, ("hub_manager", 1): 202, ("auditor", 1): 403}.get(
        (role, seen), 404
    )


async def test_a_mail_sent_again_tells_the_same_under_another_message_id(
    notifier: Notifier, http: httpx.AsyncClient, token: Callable[..., str]
) -> None:
    anna = await _sent(notifier)
    (delivery,) = await notifier.deliveries()
    path = f"/deliveries/{delivery.delivery_id}/resend"
    assert (await http.post(path, headers=_bearer(token("operator")))).status_code == 202
    busy = (await notifier.deliveries())[1]
    refused = await http.post(f"/deliveries/{busy.delivery_id}/resend", headers=_bearer(token("operator")))
    assert (refused.status_code, refused.json()["rule"]) == (409, "still-being-sent")
    await notifier.works()

    first, second = notifier.server.to(notifier.address(anna))
    assert first["Subject"] == second["Subject"]
    assert first["Message-ID"] != second["Message-ID"]


async def test_a_list_is_read_in_pages(notifier: Notifier, http: httpx.AsyncClient, token: Callable[..., str]) -> None:
    await notifier.knows(OURS, THEIRS)
    for name in ("Ada", "Bea", "Cleo"):
        await notifier.person(name, (OURS.organisation_id, "sme_contact"))
    await notifier.proposes(suggestion(OURS.organisation_id, THEIRS.organisation_id))
    await notifier.works()

    headers = _bearer(token("operator"))
    first = (await http.get("/deliveries?limit=2&state=sent", headers=headers)).json()
    second = (await http.get(f"/deliveries?limit=2&cursor={first['next_cursor']}", headers=headers)).json()
    assert [len(first["items"]), len(second["items"]), second["next_cursor"]] == [2, 1, None]
    for other in ("failed", "ambiguous"):
        assert (await http.get(f"/deliveries?state={other}", headers=headers)).json()["items"] == []


async def test_a_sign_in_link_is_mailed_at_once_and_once_to_a_person_never_heard_of(
    notifier: Notifier, http: httpx.AsyncClient, service_token: Callable[[str, str], str]
) -> None:
    zoe = await notifier.person("Zoe", consent=None, heard=False, language="fr")
    link = notifier.post.settings.public_base_url + "/sign-in/secret-token"
    headers = _bearer(service_token("console", "notifier"))
    for _ in range(2):
        answer = await http.post("/messages/sign-in", json={"person_id": str(zoe), "link": link}, headers=headers)
        assert answer.status_code == 202
    await notifier.works()

    (mail,) = notifier.server.to(notifier.address(zoe))
    assert mail["Subject"] == "Votre lien vers Intercluster"
    assert link in mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert [each.secret for each in await notifier.deliveries()] == [None]


@pytest.mark.parametrize(
    "link", ["https://evil.example.org/sign-in/x", "javascript:alert(1)", "http://127.0.0.1:80001/"]
)
async def test_a_sign_in_link_that_leads_elsewhere_is_refused(
    http: httpx.AsyncClient, service_token: Callable[[str, str], str], link: str
) -> None:
    answer = await http.post(
        "/messages/sign-in",
        json={"person_id": str(new_id()), "link": link},
        headers=_bearer(service_token("console", "notifier")),
    )
    assert (answer.status_code, answer.json()["rule"]) == (422, "foreign-link")


async def test_only_the_console_may_ask_for_sign_in_links_and_pass_unsubscribe_tokens(
    http: httpx.AsyncClient, service_token: Callable[[str, str], str], token: Callable[..., str]
) -> None:
    for bearer in (service_token("mobility", "notifier"), token("operator")):
        for path, body in (
            ("/messages/sign-in", {"person_id": str(new_id()), "link": "http://127.0.0.1:8000/sign-in/x"}),
            ("/unsubscribe", {"token": "x"}),
        ):
            assert (await http.post(path, json=body, headers=_bearer(bearer))).status_code == 403


async def test_unsubscribing_twice_is_as_good_as_once(
    notifier: Notifier, http: httpx.AsyncClient, service_token: Callable[[str, str], str], token: Callable[..., str]
) -> None:
    anna = await _sent(notifier)
    body = {"token": notifier.post.links.tokens.make(anna, SUGGESTIONS)}
    headers = _bearer(service_token("console", "notifier"))
    answers = [await http.post("/unsubscribe", json=body, headers=headers) for _ in range(2)]

    assert [each.status_code for each in answers] == [200, 200]
    preferences = await http.get(f"/people/{anna}/preferences", headers=_bearer(token(person_id=anna)))
    assert preferences.json()["suggestions"] is False

    nonsense = await http.post("/unsubscribe", json={"token": "nonsense"}, headers=headers)
    assert (nonsense.status_code, nonsense.json()["rule"]) == (422, "invalid-unsubscribe-link")


async def test_everybody_chooses_for_herself(http: httpx.AsyncClient, token: Callable[..., str]) -> None:
    anna = new_id()
    path = f"/people/{anna}/preferences"
    wanted = {"suggestions": True, "mails_per_week": 1, "delivery_hour": 8}
    stored = await http.put(path, json=wanted, headers=_bearer(token(person_id=anna)))
    assert stored.status_code == 200
    assert stored.json() | wanted == stored.json()

    assert (await http.get(path, headers=_bearer(token("operator")))).status_code == 200
    assert (await http.put(path, json=wanted, headers=_bearer(token("operator")))).status_code == 403
    assert (await http.get(path, headers=_bearer(token("hub_manager", OURS.organisation_id)))).status_code == 404
    assert (await http.put(path, json=wanted, headers=_bearer(token("sme_contact", new_id())))).status_code == 404


@pytest.mark.parametrize(
    "body",
    [{}, {"suggestions": "perhaps"}, {"suggestions": True, "delivery_hour": 24}, {"suggestions": True, "surplus": 1}],
)
async def test_preferences_that_make_no_sense_are_refused(
    http: httpx.AsyncClient, token: Callable[..., str], body: dict[str, Any]
) -> None:
    anna = new_id()
    answer = await http.put(f"/people/{anna}/preferences", json=body, headers=_bearer(token(person_id=anna)))
    assert answer.status_code == 422


async def test_a_link_for_one_answer_reads_no_mails(http: httpx.AsyncClient, token: Callable[..., str]) -> None:
    one_action = token(actions=("answer:1:2:interested",))
    assert (await http.get("/deliveries", headers=_bearer(one_action))).status_code == 403


async def test_nobody_gets_in_without_a_token(http: httpx.AsyncClient) -> None:
    for method, path in (
        ("GET", "/deliveries"),
        ("POST", f"/deliveries/{new_id()}/resend"),
        ("POST", "/messages/sign-in"),
        ("POST", "/unsubscribe"),
        ("GET", f"/people/{new_id()}/preferences"),
        ("PUT", f"/people/{new_id()}/preferences"),
    ):
        assert (await http.request(method, path)).status_code == 401
