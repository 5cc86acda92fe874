"""Fills an embedded store from a list, and looks up a context: python script.py USERS.csv KEY SEGMENT_REF"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import bigseg


def main(users_file: str, context_key: str, segment_ref: str) -> int:
    """Returns 0 when the context is included in the segment, 1 when it is not."""
    with tempfile.TemporaryDirectory() as directory:
        store = Path(directory) / "population.bigseg"
        with bigseg.Import(store) as users:
            skipped = users.add_file(users_file, "csv", skip_bad_lines=True)
        assert users.report is not None
        print(f"{users.report.contexts} contexts, {skipped} lines left out")

        # Nothing keeps the list in sync, so it never becomes stale.
        with bigseg.Engine(store, stale_after=None) as engine:
            answer = engine.membership(context_key)
            match answer.check(segment_ref):
                case True:
                    print(f"included ({answer.status})")
                case False:
                    print(f"excluded ({answer.status})")
                case None:
                    print(f"no value ({answer.status}): the segment's rules decide")
            return 0 if answer.check(segment_ref) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
