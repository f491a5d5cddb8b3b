"""order.py NAMED PLAIN TLS: the linker script, from the executables with names in NAMED, and what callgrind wrote into PLAIN
of starts whose store is plain HTTP, and into TLS of those whose store is not."""

import collections
import pathlib
import re
import subprocess
import sys

HEAD = """\
/* Written by record.sh: the functions that a start runs, until the first request is answered. They lie together, so that a
   process that has just begun reads and keeps less of its executable; see docs/adr/0025-start-order.md. Hashes are left out
   of the names, as they change with each compiler, and so are the ends of long ones. */
SECTIONS
{
    .text.start :
    {
        *crt1.o(.text)
"""
TAIL = """\
    }
}
INSERT BEFORE .text;
"""
# What callgrind's processor cannot do, and Lambda's can.
UNSEEN = {"_ZN4sha26sha2567x86_sha*", "_ZN4sha26sha25610aarch64*", "main"}
LONGEST = 100
NOT_ORDERED = {"hello", "pages"}


def pattern(name):
    # A hash, and the number that optimisation gave a function of several crates' own.
    name = re.sub(r"17h[0-9a-f]{16}E[.\w]*$|\.(llvm\.)?\d+$", "*", name)
    if name.startswith("_R"):
        # A crate's disambiguator, of the newer of the compiler's two ways of making names.
        name = re.sub(r"Cs[0-9A-Za-z]+_", "Cs*_", name)
    return name if len(name) <= LONGEST else name[:LONGEST].rstrip("*") + "*"


def called(folder):
    """By executable, the functions that its starts ran."""
    names = collections.defaultdict(set)
    for file in folder.iterdir():
        with file.open(errors="replace") as lines:
            for line in lines:
                if found := re.match(r"c?fn=(\S+?)(?:'\d+)?$", line):
                    names[file.name.split(".")[0]].add(found[1])
    return names


def contained(executable):
    """The functions of an executable, without those of the C library."""
    listed = subprocess.run(["nm", "--defined-only", executable], check=True, capture_output=True, text=True)
    symbols = (line.split(" ", 2) for line in listed.stdout.splitlines())
    return {name for _, kind, name in symbols if kind in "tTwW" and name.startswith(("_ZN", "_R"))}


named, plain, tls = map(pathlib.Path, sys.argv[1:])
plain, tls = called(plain), called(tls)
if unseen := {executable.name for executable in named.iterdir()} - set(plain):
    sys.exit(f"no start was recorded of {', '.join(sorted(unseen))}")
contain, run, run_tls = collections.Counter(), collections.Counter(), set()
for function in set(plain) - NOT_ORDERED:
    names = contained(named / function / "bootstrap")
    contain.update(set(map(pattern, names)))
    run.update(set(map(pattern, names & plain[function])))
    run_tls.update(map(pattern, names & tls[function]))

# What nearly every start runs comes first, and what only some do after it, so that the one is not scattered among the other.
parts = {
    "Run by most starts of the executables that contain it.": {name for name in run if 2 * run[name] > contain[name]} | UNSEEN,
    "Run by fewer.": {name for name in run if 2 * run[name] <= contain[name]},
    "Run by the test's starts alone: most of it where the store is reached over TLS, as AWS's is.": run_tls - set(run),
}
if not all(parts.values()):
    sys.exit("hardly a function was called")
print(HEAD, end="")
for title, names in parts.items():
    print(f"        /* {title} */\n        *(")
    for name in sorted(names):
        # What is declared cold has `unlikely.` before its name.
        print(f"            .text.*{name}")
    print("        )")
print(TAIL, end="")
