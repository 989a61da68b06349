"""Run ``make demo`` as a visitor of a fresh clone would, and look at the page it serves."""

import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MARK = "listening on "
PATIENCE = 30


def read(url):
    with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
        return answer.read().decode()


def main():
    process = subprocess.Popen(
        ["make", "demo", "ARGS=--listen tcp:0:interface=127.0.0.1"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        # make and the server are ended together.
        start_new_session=True,
    )
    try:
        said = (line for line in process.stdout if MARK in line)
        url = next(said, MARK).split(MARK)[1].strip()
        if not url:
            sys.exit("make demo ended before it listened")
        if "new ReconnectingSockJS(" not in read(f"{url}/"):
            sys.exit("there is no demo page")
        if "SockJS" not in read(f"{url}/sockjs.min.js"):
            sys.exit("the page lacks its client")
        print("make demo serves its page on", url)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.communicate()


if __name__ == "__main__":
    main()
