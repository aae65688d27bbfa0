"""The documentation names only what exists."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_every_test_that_the_guarantees_name_exists_and_every_rule_has_some():
    text = (ROOT / "docs" / "guarantees.md").read_text()
    known = set(re.findall(r"\bLedger\d\d_\w+", "".join(p.read_text() for p in (ROOT / "src").rglob("*_test.cpp"))))
    for rule in range(1, 15):
        section = re.search(rf"^\*\*{rule}\. .*?(?=^\*\*|^## )", text, re.M | re.S).group(0)
        names = re.findall(r"`(?:Ledger\d\d_|…)(\w+)`", section)
        assert len(names) >= 3, f"rule {rule} names too few tests"
        for name in names:
            assert any(k.startswith(f"Ledger{rule:02}_") and k.endswith(name) for k in known), f"rule {rule}: {name}"
    for path in re.findall(r"`((?:src|tests)/[\w./]+\.(?:py|cpp))`", text):
        assert (ROOT / path).exists(), path


def test_the_settings_page_is_what_the_program_prints():
    binary = ROOT / "build" / "release" / "herald"
    printed = subprocess.run([binary, "config", "--markdown"], capture_output=True, text=True, check=True).stdout
    assert (ROOT / "docs" / "configuration.md").read_text() == printed, "run `make docs`"


def test_links_between_the_pages_lead_somewhere():
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_readme_fits_its_bound():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 120


def test_every_metric_that_the_operators_page_names_is_in_the_code():
    code = "".join(p.read_text() for p in (ROOT / "src").rglob("*.cpp"))
    for name in set(re.findall(r"\bherald_[a-z_]+", (ROOT / "docs" / "operating.md").read_text())):
        assert f'"{name}"' in code, name


def test_every_metric_of_the_code_is_on_the_operators_page():
    page = (ROOT / "docs" / "operating.md").read_text()
    code = "".join(p.read_text() for p in (ROOT / "src").rglob("*.cpp") if not p.name.endswith("_test.cpp"))
    metrics = set(re.findall(r"(?:counter|gauge|histogram)\(\s*\"(herald_\w+)\"", code))
    assert len(metrics) > 20
    for name in sorted(metrics):
        assert f"`{name}" in page, name
