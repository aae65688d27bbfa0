"""Herald built with a promise broken on purpose, to see that the auditor notices. Each patch in broken/ is one."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from herald import ROOT

PATCHES = {path.stem: path for path in sorted((Path(__file__).resolve().parent / "broken").glob("*.patch"))}
BROKEN = tuple(PATCHES)
HOME = ROOT / "build" / "broken"
TREE, BUILD = HOME / "tree", HOME / "build"
COPIED = ("CMakeLists.txt", "CMakePresets.json", "src", "tools/cmake")


def build(name):
    """The folder with the broken program. The first build takes minutes, that of another patch seconds."""
    copy_tree()
    # Outside of any repository git apply is a strict patch.
    run(["git", "apply", "-p1", PATCHES[name]], env={**os.environ, "GIT_CEILING_DIRECTORIES": str(HOME)})
    if not (BUILD / "build.ninja").exists():
        run(["cmake", "--preset", "release", "-B", BUILD])
    print(f"building Herald with {name}", flush=True)
    run(["nice", "-n", "15", "ninja", "-C", BUILD, "herald"])
    return BUILD


def copy_tree():
    """Copies what differs, which also takes back the patch before."""
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *COPIED],
                            cwd=ROOT, text=True, check=True, capture_output=True).stdout
    names = {name for name in listed.split("\0") if name and (ROOT / name).is_file()}
    for name in names:
        source, target = ROOT / name, TREE / name
        if not target.is_file() or target.read_bytes() != source.read_bytes():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    for path in TREE.rglob("*"):
        if path.is_file() and str(path.relative_to(TREE)) not in names:
            path.unlink()


def run(command, **how):
    done = subprocess.run(list(map(str, command)), cwd=TREE, text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **how)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}:\n{done.stdout[-3000:]}")
