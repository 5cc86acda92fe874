"""A fake upstream: the program whose path is in BIGSEG_FAKE_UPSTREAM."""

from __future__ import annotations

import os
import subprocess

import capability


class FakeUpstream:
    """After ``n`` patches, the segment s.g1 holds the contexts ``n`` and ``n - 1``."""

    def __init__(self, sdk_key: str, patches: int) -> None:
        program = os.environ.get("BIGSEG_FAKE_UPSTREAM")
        if program is None:
            capability.skip("fake_upstream", "BIGSEG_FAKE_UPSTREAM is not set")
        command = [program, sdk_key, str(patches)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()

    def publish(self) -> None:
        """Publishes one more patch on the stream."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()
