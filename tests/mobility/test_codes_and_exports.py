"""Voucher codes, and CSV that no spreadsheet runs."""

import csv
import io

import pytest

from services.mobility.codes import ALPHABET, LENGTH, fingerprint, matches, new_code
from services.mobility.exports import to_csv

KEY = b"a key of the tests"


def test_a_code_has_at_least_sixteen_symbols_that_can_not_be_confused() -> None:
    symbols = new_code().replace("-", "")
    assert len(symbols) == LENGTH >= 16
    assert set(symbols) <= set(ALPHABET)
    assert not set("0O1ILU") & set(ALPHABET)


def test_two_codes_differ() -> None:
    assert len({new_code() for _ in range(1000)}) == 1000


def test_a_code_fits_however_it_is_typed() -> None:
    code = new_code()
    stored = fingerprint(code, KEY)
    assert matches(code.lower().replace("-", " "), stored, KEY)
    assert not matches(new_code(), stored, KEY)
    assert not matches(code, stored, b"another key")
    assert code.replace("-", "") not in stored


@pytest.mark.parametrize("cell", ["=1+1", "+1+cmd", "-2+3", "@SUM(A1)", "\t=1", "\r=1", " =1", "|calc", "\n=1"])
def test_a_cell_that_a_spreadsheet_would_run_is_made_text(cell: str) -> None:
    rows = list(csv.reader(io.StringIO(to_csv([{"name": cell}], ("name",)), newline="")))
    assert rows[1][0].startswith("'")


def test_amounts_stay_numbers_and_missing_values_stay_empty() -> None:
    assert to_csv([{"amount": "-12.50", "name": None}], ("amount", "name")).splitlines()[1] == "-12.50,"
