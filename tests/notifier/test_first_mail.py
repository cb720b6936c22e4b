"""From events to mails: who is told, once, in whatever order the topics arrive."""

from tests.notifier.support import Notifier, organisation, suggestion


async def test_both_sides_get_one_mail_about_a_suggestion(notifier: Notifier) -> None:
    ours, theirs = organisation("Alpha GmbH"), organisation("Beta SAS", "FR")
    await notifier.knows(ours, theirs)
    anna = await notifier.person("Anna", (ours.organisation_id, "sme_contact"))
    bruno = await notifier.person("Bruno", (theirs.organisation_id, "sme_contact"))
    pair = suggestion(ours.organisation_id, theirs.organisation_id)

    await notifier.proposes(pair)
    await notifier.works()

    assert len(notifier.server.mails) == 2
    (mail,) = notifier.server.to(notifier.address(anna))
    assert "Beta SAS" in mail["Subject"]
    assert f"suggestion:{pair.suggestion_id}:{anna}" in mail["X-Intercluster-Occasion"]
    assert len(notifier.server.to(notifier.address(bruno))) == 1
    assert {each.state for each in await notifier.deliveries()} == {"sent"}
