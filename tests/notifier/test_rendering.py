"""Every mail in every language: both parts are there, nothing foreign is loaded, names are data."""

import re
import string
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.notifier import views
from services.notifier.rendering import SUBJECT_LENGTH, render
from services.notifier.texts import WRITTEN, Texts, catalogue, written_language
from services.notifier.views import Named
from services.notifier.wording import QUOTE_LENGTH, clean, shorten
from tests.notifier.samples import BASE, CALL, LANGUAGES, OURS, all_pages, facts, reader, suggestions

URL = re.compile(r"""https?://[^\s"'<>)]+""")
NAMESPACES = ("http://www.w3.org/",)


class Elements(HTMLParser):
    """Collects what a page loads or links, its elements and its language."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.tags: set[str] = set()
        self.language: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        found = dict(attrs)
        if tag == "html":
            self.language = found.get("lang")
        self.links += [str(found[name]) for name in ("href", "src", "background") if found.get(name)]


def _parse(html: str) -> Elements:
    parser = Elements()
    parser.feed(html)
    return parser


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", sorted(all_pages("en")))
def test_a_mail_says_the_same_in_both_parts_and_loads_nothing(language: str, kind: str) -> None:
    page = all_pages(language)[kind]
    rendered = render(page, reader(language))
    elements = _parse(rendered.html)

    assert rendered.language == elements.language == language
    assert rendered.subject
    assert "\n" not in rendered.subject
    links = {each for each in elements.links if not each.startswith("mailto:")}
    assert links
    assert all(each.startswith(BASE + "/") or each == CALL.url for each in links)
    assert all(link in rendered.text for link in links)
    foreign = [each for each in URL.findall(rendered.html) if not each.startswith((BASE, str(CALL.url), *NAMESPACES))]
    assert foreign == []
    assert not elements.tags & {"img", "script", "link", "iframe", "form"}
    assert "{" not in rendered.text
    assert "None" not in rendered.text
    for contact in page.contacts:
        assert contact.email in rendered.text
        assert contact.email in rendered.html


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_every_text_with_the_same_blanks(language: str) -> None:
    english, other = catalogue("en"), catalogue(language)
    assert english.keys() == other.keys()
    for key, text in english.items():
        blanks = [{name for _, name, _, _ in string.Formatter().parse(each) if name} for each in (text, other[key])]
        assert blanks[0] == blanks[1], key


@pytest.mark.parametrize(("wanted", "written"), [("de", "de"), ("de-AT", "de"), ("hu", "en"), ("", "en"), (None, "en")])
def test_readers_of_other_languages_get_english(wanted: str | None, written: str) -> None:
    assert written_language(wanted) == written
    assert written in WRITTEN


def test_a_quote_in_a_language_the_reader_has_not_listed_names_its_language() -> None:
    shown = suggestions("de").suggestions[0]
    german, hungarian = shown.quotes[0], shown.quotes[1]
    assert german.original is None
    assert hungarian.original == "Original auf Ungarisch"
    assert 'lang="hu"' in render(suggestions("de"), reader("de")).html


def test_a_quote_says_whose_need_and_whose_offer_it_is() -> None:
    labels = [quote.label for quote in suggestions("en").suggestions[0].quotes]
    assert labels == [
        "You are looking for",
        "Szegedi Lézer Kft. offers",
        "Szegedi Lézer Kft. is looking for",
        "You offer",
    ]


def test_a_name_that_ends_in_a_full_stop_ends_the_sentence() -> None:
    text = render(all_pages("pl")["visit_requested"], reader("pl")).text
    assert "Szegedi Lézer Kft. Wizyta" in text


def test_a_suggestion_without_quotes_gives_its_reason() -> None:
    bare = views.SuggestionFacts(facts().suggestion_id, OURS, facts().partner, 0.4, "Both work on hydrogen.", ())
    shown = views.suggested(reader("fr"), bare, f"{BASE}/a", f"{BASE}/b")
    assert shown.reason == "Both work on hydrogen."
    assert shown.fit == "Pourrait correspondre"


NASTY = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</mj-text><mj-raw><b>x</b></mj-raw>",
    "{{ 7*7 }}",
    "{organisation}",
    "<mj-include path='/etc/passwd'/>",
    "a&b;&lt;",
    "]]> -->",
]


@pytest.mark.parametrize("name", NASTY)
def test_names_are_data_in_both_parts(name: str) -> None:
    own = Named(OURS.organisation_id, name, "AT", ("de",))
    nasty = views.SuggestionFacts(facts().suggestion_id, own, own, 0.9, name, facts().evidence)
    who = reader("en", own, name)
    shown = views.suggested(who, nasty, f"{BASE}/a", f"{BASE}/b")
    page = views.suggestions_page(
        who, (shown,), why="why_suggestions", console_url=f"{BASE}/s", unsubscribe_url=f"{BASE}/u", source=name
    )
    rendered = render(page, who)
    elements = _parse(rendered.html)

    assert not elements.tags & {"script", "img", "mj-raw", "b", "mj-include", "mj-text"}
    assert name in rendered.text
    assert all(each.startswith(BASE) for each in elements.links)


@given(st.text(max_size=400))
@settings(max_examples=60, deadline=None)
def test_any_text_becomes_one_clean_line(text: str) -> None:
    line = clean(text)
    assert line.splitlines() in ([], [line])
    assert clean(line) == line
    assert len(shorten(text)) <= QUOTE_LENGTH


@given(st.text(min_size=1, max_size=300))
@settings(max_examples=25, deadline=None)
def test_any_organisation_name_can_be_rendered(name: str) -> None:
    own = Named(OURS.organisation_id, name, "AT")
    trip = all_pages("en")["connection"]
    page = views.connection_page(reader("pl", own), own, trip.contacts, f"{BASE}/visits")
    rendered = render(page, reader("pl", own, name))
    assert len(rendered.subject) <= SUBJECT_LENGTH
    assert _parse(rendered.html).links


def test_without_escaping_the_attack_would_show(monkeypatch: pytest.MonkeyPatch) -> None:
    from services.notifier import rendering

    monkeypatch.setattr(Texts, "__call__", lambda self, key, **values: catalogue(self.language)[key].format(**values))
    plain = rendering._environment(False)
    monkeypatch.setattr(rendering, "_environment", lambda markup: plain)
    who = reader("en", OURS, "<script>alert(1)</script>")
    assert "script" in _parse(render(suggestions("en"), who).html).tags
