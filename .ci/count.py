"""Add up the test results of a run: ``count.py FOLDER [FAILED-STEP...]``.

A step that failed without a failed test of its own (lint, a crash) counts as one failure. The
last line is ``N passed, N failed``; the exit code is 1 when anything failed, or nothing ran.
"""

import sys
from pathlib import Path
from xml.etree import ElementTree


def main(folder, failed_steps):
    passed = failed = skipped = 0
    for path in sorted(Path(folder).glob("*.xml")):
        suites = list(ElementTree.parse(path).iter("testsuite"))
        total = sum(int(suite.get("tests")) for suite in suites)
        bad = sum(int(suite.get(kind)) for suite in suites for kind in ("failures", "errors"))
        missed = sum(int(suite.get("skipped")) for suite in suites)
        print(f"{path.stem}: {total - bad - missed} passed, {bad} failed, {missed} skipped")
        passed, failed, skipped = passed + total - bad - missed, failed + bad, skipped + missed
    for name in failed_steps:
        print(f"failed step: {name}")
    failed = max(failed, len(failed_steps))
    if skipped:
        print(f"{skipped} skipped")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
