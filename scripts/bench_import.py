"""Measures `bigseg import` from CSV: bench_import.py COMMAND [MILLIONS ...].

The floor is GNU `sort -R` of the same file, which does a like thing: it hashes every line and sorts by the hash.
"""

import os
import subprocess
import sys
import tempfile
import time


def run(*command, **options):
    """Runs a command; returns its seconds and its peak resident memory in MiB."""
    start = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, **options)
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, command
    return time.monotonic() - start, usage.ru_maxrss / 1024


def measure(bigseg, contexts, directory):
    """Prints one row of the table."""
    csv, store = os.path.join(directory, "list.csv"), os.path.join(directory, "store")
    run(bigseg, "demo", "--contexts", str(contexts), "--csv", csv, stderr=subprocess.DEVNULL)
    environment = dict(os.environ, LC_ALL="C")
    floor, _ = run("sort", "-R", "--parallel=1", "-S", "512M", "-o", "/dev/null", csv, env=environment)
    seconds, memory = run(bigseg, "import", "--quiet", "--store", f"local:{store}", csv)
    on_disk = os.path.getsize(store) / contexts
    print(
        f"| import, {contexts:,} contexts from CSV | {floor:.1f} s | {seconds:.1f} s | {seconds / floor:.2f} "
        f"| {contexts / seconds:,.0f} contexts/s, {memory:.0f} MiB, {on_disk:.1f} bytes a context on disk |",
        flush=True,
    )
    os.remove(csv), os.remove(store), os.remove(store + "-lock")


def main():
    bigseg, *millions = sys.argv[1:]
    print("| what | GNU sort -R, one thread | import | ratio | |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as directory:
        for count in millions or ["1", "10"]:
            measure(bigseg, int(count) * 1_000_000, directory)


main()
