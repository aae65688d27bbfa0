"""The built program with some of its .cpp files patched: only these are compiled, and linked in front of the others."""

import json
import os
import shutil
import subprocess
from pathlib import Path

from herald import ROOT, binary_path

HOME = ROOT / "build" / "patched"


def build(patch):
    """The path of the patched program. It is as old or new as the built one; another build takes seconds."""
    home, release = HOME / patch.stem, binary_path().parent
    tree, program = home / "tree", home / "herald"
    names = patched_files(patch)
    assert all(name.endswith(".cpp") for name in names), f"{patch.name}: a header concerns files that are not patched"
    shutil.rmtree(tree, ignore_errors=True)
    for name in names:
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, tree / name)
    # Outside of any repository git apply is a strict patch.
    run(["git", "apply", "-p1", patch], tree, GIT_CEILING_DIRECTORIES=home)
    commands = {entry["file"]: entry for entry in json.loads((release / "compile_commands.json").read_text())}
    objects = [compile_one(commands[str(ROOT / name)], tree / name) for name in names]
    link = run(["ninja", "-t", "commands", "herald"], release).splitlines()[-1]
    assert " -o herald " in link, link
    run(link.replace(" -o herald ", f" {' '.join(map(str, objects))} -o {program} "), release, shell=True)
    return program


def patched_files(patch):
    return [line.removeprefix("+++ b/") for line in patch.read_text().splitlines() if line.startswith("+++ b/")]


def compile_one(entry, source):
    compiled, old = source.with_suffix(".o"), entry["command"].split(" -o ")[1].split()[0]
    command = entry["command"].replace(old, str(compiled)).replace(entry["file"], str(source))
    run(f"$(command -v ccache) {command}", entry["directory"], shell=True)
    return compiled


def run(command, folder, shell=False, **environment):
    done = subprocess.run(command, cwd=folder, env={**os.environ, **{k: str(v) for k, v in environment.items()}},
                          shell=shell, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=600)
    assert done.returncode == 0, f"{command}:\n{done.stdout[-3000:]}"
    return done.stdout
