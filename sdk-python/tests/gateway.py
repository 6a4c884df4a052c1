"""The real gateway, started as a user starts it: the binary in $WAYPOST_GATEWAY_BIN, on a free port, with a fresh data folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import IO


class Gateway:
    """A running gateway, and a key that may do everything."""

    def __init__(self, *settings: str) -> None:
        binary = os.environ.get("WAYPOST_GATEWAY_BIN")
        if not binary or not Path(binary).exists():
            raise RuntimeError(f"WAYPOST_GATEWAY_BIN must name the gateway's binary; it is {binary!r}. Use sdk-python/scripts/test")
        # What begins so is a setting of the gateway.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("WAYPOST_")}
        self.data = tempfile.mkdtemp(prefix="waypost-python-")
        arguments = [part for setting in ("rate_limits.enabled=false", *settings) for part in ("--set", setting)]
        self.process = subprocess.Popen(
            [binary, "serve", "--listen", "127.0.0.1:0", "--data-dir", self.data, "--durability", "normal", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if "listening on " in line:
                self.url = line.split("listening on ")[1].strip()
                break
        else:
            raise RuntimeError("the gateway ended before it listened")
        # Whatever else it says must have somewhere to go.
        threading.Thread(target=_drain, args=(self.process.stdout,), daemon=True).start()
        self.key = subprocess.run(
            [binary, "keys", "create", "--name", "tests", "--data-dir", self.data],
            check=True,
            capture_output=True,
            text=True,
            env=environment,
        ).stdout.strip()

    @property
    def environment(self) -> dict[str, str]:
        """What a program needs to find it."""
        return {"WAYPOST_BASE_URL": self.url, "WAYPOST_API_KEY": self.key}

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        shutil.rmtree(self.data, ignore_errors=True)


def _drain(stream: IO[str]) -> None:
    try:
        for _ in stream:
            pass
    except ValueError:
        pass  # closed by `stop`
