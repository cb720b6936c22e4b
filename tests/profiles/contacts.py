"""People as tests add them."""

from typing import Any

from tests.profiles.conftest import Api, an_sme


async def an_organisation(by: Api, **said: Any) -> str:
    return str((await by.post("/organisations", json=an_sme(**said))).json()["id"])


async def a_person(by: Api, organisation_id: str, email: str = "eva@sme.example.org", **said: Any) -> dict[str, Any]:
    body = {"name": "Eva", "email": email, "role": "sme_contact", **said}
    response = await by.post(f"/organisations/{organisation_id}/people", json=body)
    assert response.status_code == 201, response.text
    return dict(response.json())


CONSENT = {"given": True, "at": "2026-09-01T08:00:00Z", "wording": "Yes, write to me", "source": "sign-up form"}
