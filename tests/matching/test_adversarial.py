"""What doesn't pay: stuffing a profile with keywords, registering a firm twice, saying nothing in many words."""

import numpy as np
import pytest

from services.matching.encoder.encoder import Encoder
from services.matching.encoder.spaces import ReadText, ground_of, read_text
from services.matching.firms import Firms
from services.matching.parties import firm_of, may_meet
from services.matching.scoring import score_pair
from shared.contracts.profiles import OrganisationKind
from tests.matching.conftest import Matching, organisation
from tests.matching.test_scoring import JUDGE, meeting, party

HONEST = {
    "We need a partner who recycles lithium batteries from electric cars.": "We recycle lithium-ion car batteries.",
    "Wir suchen einen Hersteller von Membranen für die Entsalzung von Meerwasser.": "Seawater desalination membranes.",
    "Nous cherchons un laboratoire pour tester des biopesticides en serre.": "Greenhouse trials of biopesticides.",
    "Szukamy dostawcy czujników do monitorowania mostów.": "Sensors that watch the health of bridges.",
    "We look for someone to print titanium implants.": "Additive manufacturing of titanium implants.",
    "Buscamos un socio para digitalizar archivos históricos.": "We digitise historical archives and manuscripts.",
    "Etsimme kumppania puupohjaisten pakkausten kehittämiseen.": "Packaging made of wood fibre instead of plastic.",
    "We need acoustic insulation made from recycled textiles.": "Sound insulation panels from old clothes.",
}
"""Needs in six languages, each with an offer that answers it."""

STUFFED = (
    "battery recycling lithium membranes desalination seawater biopesticides greenhouse sensors bridges titanium "
    "implants additive manufacturing archives digitisation packaging wood fibre acoustic insulation textiles AI IoT "
    "cloud blockchain hydrogen solar wind biotech pharma food robotics drones space consulting partner innovation "
    "green digital Europe"
)
EMPTY_WORDS = (
    "We offer innovative, sustainable and customer-oriented solutions of the highest quality for every sector."
)


def similarities(encoder: Encoder, needs: list[str], offers: list[str]) -> np.ndarray:
    """Return calibrated similarities, shape (needs, offers), of texts whose language nobody has stated."""
    rows, columns = ([read_text(text, None) for text in said] for said in (needs, offers))
    one, other = (encoder.encode(each).astype(np.float64) for each in (rows, columns))
    grounds = np.array([[ground_of(row.language) & ground_of(column.language) for column in columns] for row in rows])
    found = np.zeros(grounds.shape)
    for ground in np.unique(grounds):
        chosen = grounds == ground
        found[chosen] = encoder.fusion.calibrations[int(ground)].similarity((one @ other.T)[chosen])
    return found


@pytest.mark.models
def test_keyword_stuffing_does_not_pay(encoder: Encoder) -> None:
    """Whoever claims everything is found by fewer needs than honest offers are found by their own, and never first."""
    found = similarities(encoder, list(HONEST), [*HONEST.values(), STUFFED, EMPTY_WORDS, STUFFED + " " + STUFFED])
    answered = np.diag(found)
    assert (answered >= 0.5).mean() >= 0.75
    for cheat in found[:, len(HONEST) :].T:
        assert (cheat < answered).all()
        assert (cheat >= 0.6).sum() == 0


@pytest.mark.models
def test_without_calibration_of_each_ground_a_language_in_common_would_count_as_a_fit(encoder: Encoder) -> None:
    """Negative control: by bare products two strangers in English are closer than a Spanish need and its answer."""
    english, spanish = (
        "We look for someone to print titanium implants.",
        "Buscamos un socio para digitalizar archivos históricos.",
    )
    found = similarities(encoder, [english, spanish], [HONEST[spanish]])
    assert found[0, 0] < 0.5 < found[1, 0]
    needs, offers = (
        encoder.encode([read_text(text, None) for text in said]) for said in ([english, spanish], [HONEST[spanish]])
    )
    strangers, answer = (needs.astype(np.float64) @ offers.astype(np.float64).T)[:, 0]
    assert strangers > answer


@pytest.mark.models
def test_texts_without_meaning_meet_nobody(encoder: Encoder) -> None:
    nonsense = [
        "asdf qwer zxcv " * 3,
        "lorem ipsum dolor sit amet",
        "1234 5678 90",
        "<b></b><script>x</script>",
        "🚀🚀🚀",
    ]
    read = [text for text in nonsense if read_text(text, None).text]
    assert similarities(encoder, list(HONEST), read).max() < 0.6
    assert not encoder.encode([ReadText("und", "")]).any()


def test_a_firm_registered_twice_gains_no_second_place() -> None:
    partner, other = party(1), party(4, "PL")
    twin, double = (party(number, "FR", kind=OrganisationKind.SME) for number in (2, 3))
    parties = {each.id: each for each in (partner, other, twin, double)}
    object.__setattr__(twin, "name", "Pile & Cie")
    object.__setattr__(double, "name", "PILE CIE")
    scored = [
        score_pair(partner, twin, [meeting(partner, twin, 0.9, 1)], JUDGE),
        score_pair(partner, double, [meeting(partner, double, 0.8, 2)], JUDGE),
        score_pair(partner, other, [meeting(partner, other, 0.7, 3)], JUDGE),
    ]
    firms = Firms()
    firms.take_over(parties, parties)
    firms.sort_out([each.pair for each in scored], {each.pair: each for each in scored})
    assert firms.doubles == {scored[1].pair}
    assert firm_of(twin) == firm_of(double)
    object.__setattr__(other, "name", "Pile, Cie.")
    assert not may_meet(twin, other)  # the same firm in two countries


@pytest.mark.parametrize(("needs", "offers"), [((), ("a",)), (("a",), ())])
async def test_one_who_only_needs_or_only_offers_is_served(matching: Matching, needs, offers) -> None:
    """Half a profile is a profile."""
    text = "recycling of lithium batteries from electric cars"
    await matching.hear(
        organisation("Half", "DE", needs=[text] if needs else (), offers=[text] if offers else ()),
        organisation("Whole", "FR", needs=[text], offers=["quiet heat pumps", text]),
    )
    await matching.settle()
    assert await matching.pairs() == {frozenset(("Half", "Whole"))}
