"""From a page to the three parts of a mail: subject, HTML (Jinja with autoescape, then MJML) and plain text. Pure."""

from dataclasses import dataclass
from functools import cache

import mrml
from jinja2 import Environment, PackageLoader, StrictUndefined

from services.notifier.texts import Texts
from services.notifier.views import Page, Reader
from services.notifier.wording import clean

SUBJECT_LENGTH = 150


@dataclass(frozen=True)
class Rendered:
    """What a mail says; ``language`` is the one it is written in."""

    subject: str
    html: str
    text: str
    language: str


@cache
def _environment(markup: bool) -> Environment:
    return Environment(
        loader=PackageLoader(__package__, "templates"),
        autoescape=markup,  # noqa: S701 - off for the plain-text part only
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
    )


def render(page: Page, reader: Reader) -> Rendered:
    """Render a page for its reader. Raises on a missing text or value: a mail with a hole is never sent."""
    texts = reader.texts
    subject = _subject(page, texts)
    values = {
        "page": page,
        "name": clean(reader.name),
        "organisation": page.values.get("organisation", ""),
        "subject": subject,
    }
    markup = Texts(texts.language, markup=True)
    mjml = _environment(True).get_template(f"{page.template}.mjml").render(t=markup, **values)
    text = _environment(False).get_template(f"{page.template}.txt").render(t=texts, **values)
    return Rendered(subject, mrml.to_html(mjml).content, text.strip() + "\n", texts.language)


def _subject(page: Page, texts: Texts) -> str:
    key = f"{page.heading}.subject"
    if page.suggestions:
        key += "_one" if len(page.suggestions) == 1 else "_many"
    subject = clean(texts(key, **page.values))
    return subject if len(subject) <= SUBJECT_LENGTH else subject[: SUBJECT_LENGTH - 1].rstrip() + "…"
