"""Reading import files: whatever the bytes, nothing raises and good rows are kept."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.profiles.importing import FileFormat, FileParser
from services.profiles.importing.parsing import MAX_FILE_BYTES
from shared.importing import MAX_LINE_BYTES
from tests.profiles.files import HEADER, a_row, faults, jsonl, names, read, table


@pytest.mark.parametrize(
    "line",
    [
        b"{", b"[]", b"null", b"1e999", b'{"a": NaN}', b"[" * 200_000, b'{"supplied_id": "\\ud800"}', b"\x01",
        b'{"a": ' + b"9" * 100_000 + b"}", b'"text"',
    ],
)  # fmt: skip
def test_a_line_that_is_no_json_object_is_one_error(line: bytes) -> None:
    rows, _ = read(line + b"\n" + jsonl(a_row(2)).encode())
    assert [(r.row, r.record is None) for r in rows] == [(1, True), (2, False)]


def test_a_row_of_20_megabytes_is_refused_while_it_streams_by_and_its_neighbours_are_kept() -> None:
    content = jsonl(a_row(1), a_row(2, name="x" * 20_000_000), a_row(3))
    rows, _ = read(content)
    assert faults(rows) == [(2, "row", "row-too-large")]
    assert names(rows) == ["Firm 1", "Firm 3"]


def test_memory_stays_bounded_by_one_row() -> None:
    parser = FileParser(FileFormat.JSONL)
    for _ in range(100):
        assert list(parser.feed(b"x" * 100_000)) == []
    assert len(parser._lines._rest) <= MAX_LINE_BYTES


def test_reading_stops_at_50_megabytes_and_says_so() -> None:
    parser = FileParser(FileFormat.JSONL)
    block = (json.dumps(a_row(1)) + "\n" + " " * 999_000 + "\n").encode()
    good = sum(len([r for r in parser.feed(block) if r.record]) for _ in range(MAX_FILE_BYTES // len(block) + 5))
    assert parser.broken is not None
    assert parser.broken.rule == "file-too-large"
    assert good == MAX_FILE_BYTES // len(block)


@pytest.mark.parametrize("file_format", ["jsonl", "csv"])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_utf_16_file_is_one_clear_error(file_format: str, encoding: str) -> None:
    content = HEADER + "x-1,sme,Müller,AT\n" if file_format == "csv" else jsonl(a_row())
    rows, parser = read(content.encode(encoding), file_format)
    assert not names(rows)
    assert parser.broken is not None
    assert parser.broken.rule == "encoding"
    assert "UTF-8" in parser.broken.message


@pytest.mark.parametrize("file_format", ["jsonl", "csv"])
def test_a_byte_order_mark_is_no_part_of_the_data(file_format: str) -> None:
    content = HEADER + "x-1,sme,Firm 1,AT\n" if file_format == "csv" else jsonl(a_row())
    rows, _ = read(b"\xef\xbb\xbf" + content.encode(), file_format)
    assert names(rows) == ["Firm 1"]


def test_a_latin_1_row_is_named_and_the_others_are_kept() -> None:
    content = (HEADER + "x-1,sme,Firm 1,AT\n").encode() + "x-2,sme,Müller,AT\n".encode("latin-1") + b"x-3,sme,F 3,AT"
    rows, _ = read(content, "csv")
    assert faults(rows) == [(3, "row", "encoding")]
    assert names(rows) == ["Firm 1", "F 3"]


def test_a_nul_byte_costs_its_row_only() -> None:
    rows, _ = read(jsonl(a_row(1)).encode() + b'{"name": "a\0b"}\n' + jsonl(a_row(3)).encode())
    assert faults(rows) == [(2, "row", "nul-character")]
    assert names(rows) == ["Firm 1", "Firm 3"]
    rows, _ = read(json.dumps(a_row(1, name="a\0b")))
    assert faults(rows) == [(1, "name", "control-character")]


@pytest.mark.parametrize(
    ("broken", "rule"),
    [
        ('x-9,sme,"never closed,AT', "unbalanced-quotes"),
        ('x-9,sme,"closed" badly,AT', "unbalanced-quotes"),
        ('x-9,sme,in"side,AT', "unbalanced-quotes"),
        ("x-9,sme,too few", "wrong-number-of-columns"),
        ("x-9,sme,too many,AT,more", "wrong-number-of-columns"),
        ('x-9,"two\nlines",too few', "wrong-number-of-columns"),
    ],
)
def test_a_broken_csv_row_never_eats_its_neighbours(broken: str, rule: str) -> None:
    content = HEADER + "x-1,sme,Firm 1,AT\n" + broken + '\nx-2,sme,"Firm ""2""",AT\nx-3,sme,Firm 3,AT\n'
    rows, _ = read(content, "csv")
    assert (3, "row", rule) in faults(rows)
    assert names(rows) == ["Firm 1", 'Firm "2"', "Firm 3"]


def test_an_open_quote_costs_one_row_even_in_a_long_file() -> None:
    others = [f"x-{n},sme,Firm {n:0200},AT" for n in range(2_000)]
    rows, _ = read(HEADER + 'x,sme,"open,AT\n' + "\n".join(others), "csv")
    assert len(faults(rows)) == 1
    assert len(names(rows)) == 2_000


def test_a_quoted_cell_may_have_several_lines() -> None:
    header = "supplied_id,kind,name,country,offer_1\n"
    rows, _ = read(header + 'x-1,sme,Firm 1,AT,"First\r\nsecond, ""quoted"""\r\nx-2,sme,Firm 2,AT,\r\n', "csv")
    assert rows[0].record is not None
    assert rows[0].record.offers[0].text == 'First\nsecond, "quoted"'
    assert rows[1].record is not None
    assert rows[1].record.offers == []


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_spreadsheets_of_all_countries_are_read(delimiter: str) -> None:
    rows, _ = read(table(("x-1", "sme", f"A{delimiter} B", "AT"), delimiter=delimiter), "csv")
    if delimiter == "\t":
        assert faults(rows) == [(2, "name", "control-character")]
    else:
        assert names(rows) == [f"A{delimiter} B"]


def test_all_columns_of_a_table_arrive_in_the_record() -> None:
    header = (
        "supplied_id,kind,name,country,sectors,languages,tags,member_of,offer_1,offer_2,need_1,need_1_language,"
        "need_1_illustrative,contact_name,contact_email,contact_language,contact_consent_at,contact_consent_wording,"
        "contact_consent_source,notes\n"
    )
    cells = (
        "x-1", "cluster", "Green", "UK", "28.99|C", "fr|en", "low-carbon|Water", "c-1|c-2", "Turbines", "", "Stahl",
        "de", "yes", "Eva", "eva@x.example.org", "de", "2026-01-01T10:00:00+01:00", "Ja", "fair", "ignored",
    )  # fmt: skip
    rows, parser = read(table(cells, header=header), "csv")
    record = rows[0].record
    assert record is not None, rows[0].errors
    assert (record.country, record.sectors, record.tags) == ("GB", ["28.99", "C"], ["low-carbon", "water"])
    assert [(s.text, s.language, s.illustrative) for s in record.offers] == [("Turbines", "fr", False)]
    assert [(s.text, s.language, s.illustrative) for s in record.needs] == [("Stahl", "de", True)]
    [contact] = record.contacts
    assert (contact.role, contact.language) == ("hub_manager", "de")
    assert contact.consent is not None
    assert (contact.consent.given, contact.consent.at.hour) == (True, 9)
    assert record.member_of == ["c-1", "c-2"]
    assert parser.ignored_fields == {"notes"}


def test_absent_columns_are_absent_fields_and_empty_cells_are_empty_values() -> None:
    rows, _ = read("supplied_id,kind,name,country,city,offer_1\nx-1,sme,Firm,AT,,\n", "csv")
    record = rows[0].record
    assert record is not None
    assert {"city", "offers"} <= record.model_fields_set
    assert not {"needs", "region", "tags"} & record.model_fields_set
    assert (record.city, record.offers) == (None, [])


@pytest.mark.parametrize(
    ("header", "rule"),
    [
        ("name,country\n", "missing-column"),
        ("kind,name,country,name\n", "duplicate-column"),
        ('"broken', "missing-column"),
        ("\x01\n", "missing-column"),
        ("x" * 300_000 + "\n", "row-too-large"),
    ],
)
def test_a_table_without_its_columns_is_one_error(header: str, rule: str) -> None:
    rows, parser = read(header + "sme,A,AT\n", "csv")
    assert rows == []
    assert parser.broken is not None
    assert parser.broken.rule == rule


def test_formulas_and_html_are_data() -> None:
    rows, _ = read(table(("x-1", "sme", "=1+1", "AT"), ("x-2", "sme", "<script>alert(1)</script>", "AT")), "csv")
    assert names(rows) == ["=1+1", "<script>alert(1)</script>"]


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=2_000), st.sampled_from(["jsonl", "csv"]), st.integers(1, 300))
def test_no_bytes_whatsoever_make_the_reader_raise(content: bytes, file_format: str, chunk: int) -> None:
    prefix = HEADER.encode() if file_format == "csv" else b""
    for data in (content, prefix + content):
        for row in read(data, file_format, chunk)[0]:
            assert (row.record is None) == bool(row.errors)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(max_size=80).filter(lambda b: b"\n" not in b), max_size=6), st.integers(1, 50))
def test_good_json_rows_survive_any_neighbours(junk: list[bytes], chunk: int) -> None:
    lines = [jsonl(a_row(0)).encode()]
    for number, each in enumerate(junk, 1):
        lines += [each + b"\n", jsonl(a_row(number)).encode()]
    rows, parser = read(b"".join(lines), chunk=chunk)
    assert [n for n in names(rows) if n.startswith("Firm")] == [f"Firm {n}" for n in range(len(junk) + 1)]
    assert parser.broken is None


# Junk lines may open quotes anywhere, and close them nowhere or in a later line.
JUNK_CELLS = st.text(alphabet='a"', max_size=6)


@settings(max_examples=200, deadline=None)
@given(st.lists(JUNK_CELLS, max_size=6), st.integers(1, 50))
def test_good_csv_rows_survive_broken_quotes_around_them(junk: list[str], chunk: int) -> None:
    lines = [HEADER, 'x-0,sme,"Firm, 0",AT\n']
    for number, each in enumerate(junk, 1):
        lines += [each + "\n", f'x-{number},sme,"Firm, {number}",AT\n']
    rows, _ = read("".join(lines), "csv", chunk)
    assert names(rows) == [f"Firm, {n}" for n in range(len(junk) + 1)]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), min_size=1), max_size=5))
def test_whatever_a_spreadsheet_writes_is_read_back(values: list[str]) -> None:
    cells = [(f"x-{number}", "sme", f"a{value[:200]}z", "AT") for number, value in enumerate(values)]
    rows, _ = read(table(*cells), "csv")
    assert len(names(rows)) == len(values), faults(rows)
