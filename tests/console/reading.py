"""Reading forms out of pages, as a browser does."""

import re
from html import unescape


def fields_of(html: str) -> dict[str, list[str]]:
    """Return what a browser would send of the page's long form, without the button."""
    form = html.split('class="long"', 1)[1].split("</form>", 1)[0]
    found: dict[str, list[str]] = {}
    for tag, attributes in re.findall(r"<(input|textarea|select)\b([^>]*)>", form):
        name = re.search(r'name="([^"]*)"', attributes)
        value = re.search(r'value="([^"]*)"', attributes)
        if tag != "input" or not name or ('type="checkbox"' in attributes and "checked" not in attributes):
            continue
        found.setdefault(unescape(name[1]), []).append(unescape(value[1]) if value else "on")
    for name, options in re.findall(r'<select[^>]*name="([^"]*)"[^>]*>(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r'<option value="([^"]*)" selected', options) or re.search(
            r'<option value="([^"]*)"', options
        )
        found.setdefault(name, []).append(unescape(chosen[1]) if chosen else "")
    for name, content in re.findall(r'<textarea[^>]*name="([^"]*)"[^>]*>(.*?)</textarea>', form, re.DOTALL):
        found.setdefault(name, []).append(unescape(content.removeprefix("\n")))
    return found
