"""Herald built with a promise broken on purpose, to see that the auditor notices. Each patch in broken/ is one."""

from pathlib import Path

import patched_build

PATCHES = {path.stem: path for path in sorted((Path(__file__).resolve().parent / "broken").glob("*.patch"))}
BROKEN = tuple(PATCHES)


def build(name):
    """The folder with the broken program."""
    print(f"building Herald with {name}", flush=True)
    return patched_build.build(PATCHES[name]).parent
