"""The house's walls: which folder of src/ may include which, and the style rules that a machine can judge."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted(p for p in (ROOT / "src").rglob("*") if p.suffix in (".hpp", ".cpp"))

# What each part may include besides itself; what it may include, it may include all of.
ALLOWED = {
    "base": set(),
    "net": {"base"},
    "liquid": {"base"},
    "model": {"base", "liquid"},
    "ports": {"base", "liquid", "model"},
    "pipeline": {"base", "liquid", "model", "ports"},
    "adapters": {"base", "liquid", "model", "ports", "net"},
    "api": {"base", "liquid", "model", "ports", "net", "pipeline"},
    "simulator": {"base", "net"},
}
# Libraries that only one place may know; a ports header may know none at all.
LIBRARIES = {
    "boost/beast": re.compile(r"net/(http_server|beast_impl)\.cpp$"),
    "boost/asio": re.compile(r"net/"),
    "nghttp2/": re.compile(r"net/http2_"),
    "curl/": re.compile(r"net/"),
    "SQLiteCpp/": re.compile(r"adapters/sqlite/"),
    "sqlite3": re.compile(r"adapters/sqlite/"),
    "libpq": re.compile(r"adapters/postgres/"),
    "librdkafka/": re.compile(r"adapters/kafka/"),
    "hiredis/": re.compile(r"adapters/redis/"),
    "spdlog/": re.compile(r"base/log\.cpp$"),
    "boost/json": re.compile(r"base/json\.cpp$"),
    "CLI/": re.compile(r"main/"),
}


def includes(path):
    return re.findall(r'^#include ["<]([^">]+)[">]', path.read_text(), re.M)


def part_of(include):
    return include.split("/")[0]


def adapter_of(path):
    parts = path.split("/")
    if parts[0] != "adapters" or len(parts) < 3:
        return None
    return "/".join(parts[1:3]) if parts[1] == "providers" and len(parts) > 3 else parts[1]


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_includes_only_what_its_part_may_know(path):
    here = str(path.relative_to(ROOT / "src"))
    part = part_of(here)
    is_test = path.name.endswith("_test.cpp") or "/testing/" in here
    for include in includes(path):
        other = part_of(include)
        if part != "main" and other in ALLOWED | {"main": 0} and other != part:
            if not (is_test and other in ("ports", "pipeline", "net", "adapters", "simulator")):
                assert other in ALLOWED[part], f"{here} includes {include}"
        if part == "adapters" and other == "adapters" and not is_test:
            theirs, ours = adapter_of(include), adapter_of(here)
            shared = theirs == "providers" and ours.startswith("providers")
            assert theirs == ours or shared, f"{here} includes another adapter: {include}"
        if "ports/testing" in include:
            assert is_test, f"{here} includes a fake"
        for library, place in LIBRARIES.items():
            if include.startswith(library) and not is_test:
                assert place.search(here), f"{here} includes {include}"
        if part == "ports" and path.suffix == ".hpp" and "/testing/" not in here:
            known = other in ALLOWED or other == "ports" or "/" not in include
            assert known, f"a ports header includes a library: {include}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_keeps_the_style_that_a_machine_can_judge(path):
    text = path.read_text()
    lines = text.splitlines()
    here = path.relative_to(ROOT)
    assert re.fullmatch(r"[a-z0-9_]+\.(hpp|cpp)", path.name), f"{here}: file names are snake_case"
    if path.suffix == ".hpp":
        assert lines[0] == "#pragma once", f"{here}: begins with #pragma once"
    for number, line in enumerate(lines, 1):
        assert len(line) <= 110, f"{here}:{number} has {len(line)} columns"
        assert "\t" not in line and line == line.rstrip(), f"{here}:{number} has tabs or trailing blanks"
        assert not re.search(r"\b(TODO|FIXME|XXX|HACK)\b", line), f"{here}:{number} leaves something undone"
        assert not re.match(r"\s*//\s*[-=*#/]{4,}", line), f"{here}:{number} is a banner"
    names = re.findall(r"^\s*(?:class|struct)\s+(\w+)", text, re.M)
    for name in names:
        assert not re.search(r"(Manager|Helper|Util|Utils|Impl)$", name), f"{here}: {name}"
    assert len(lines) <= 900, f"{here} has {len(lines)} lines: one subject a file"
    assert "using namespace std;" not in text, here


def test_every_test_is_a_fact_and_none_is_switched_off():
    for path in SOURCES:
        for name in re.findall(r"^TEST(?:_F|_P)?\(\s*\w+,\s*(\w+)\s*\)", path.read_text(), re.M):
            assert not name.startswith("DISABLED_"), f"{path.name}: {name}"
            assert re.match(r"[A-Z]", name), f"{path.name}: {name}"
