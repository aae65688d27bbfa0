"""Every patch still applies, and every mutant names a test that exists; `make mutants` runs them, which takes a while."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PATCHES = sorted((ROOT / "tests" / "mutants").glob("*.patch"))


def test_each_rule_of_the_ledger_has_a_mutant():
    assert {p.name[:2] for p in PATCHES} == {f"{rule:02}" for rule in range(1, 15)}


@pytest.mark.parametrize("patch", sorted((ROOT / "tests").rglob("*.patch")), ids=lambda p: p.stem)
def test_the_patch_applies(patch):
    tried = subprocess.run(["git", "apply", "--check", "-p1", patch], cwd=ROOT, capture_output=True, text=True)
    assert tried.returncode == 0, tried.stderr


def test_each_mutant_names_a_test_of_its_rule_that_exists():
    sources = "".join(p.read_text() for p in (ROOT / "src").rglob("*") if p.suffix in (".cpp", ".hpp"))
    for patch in PATCHES:
        expected = re.search(r"^# expects: (.+)$", patch.read_text(), re.M).group(1)
        for name in re.findall(r"\.(\w+)", expected):
            assert re.search(rf"\b{name}\b", sources), f"{patch.name}: {name}"
