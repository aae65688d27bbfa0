"""The page about records shows what the program reads and writes: its examples are those of a unit test."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "records.md").read_text()


def test_every_record_on_the_page_is_tested_word_for_word():
    tested = (ROOT / "src" / "model" / "records_page_test.cpp").read_text()
    tested = re.sub(r'\)"\s*R"\(', "", tested)  # a literal of several lines
    records = re.findall(r"^```json\n(.*?)\n```$", PAGE, re.M | re.S)
    assert len(records) >= 8
    for record in records:
        assert f'R"({record})"' in tested, record


def test_the_key_is_computed_as_the_page_says():
    code = next(c for c in re.findall(r"^```python\n(.*?)\n```$", PAGE, re.M | re.S) if "def record_key" in c)
    assert "assert" in code
    exec(code, {})


def test_the_examples_of_producing_send_the_first_request():
    least = re.search(r"^```json\n(.*?)\n```$", PAGE, re.M | re.S).group(1)
    assert f"echo '{least}' |" in PAGE
