"""Answers cases as cronsim does, on the system's zone files.

A case is a line `EXPRESSION <tab> ZONE <tab> START` (Unix seconds). The answer is a line with the next COUNT times, a
`!` behind each that the zone's clocks never show; where it has no more, `none: ` and the reason follow.
"""

import io
import os
import struct
import sys
from datetime import datetime, timezone
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, reset_tzpath

from cronsim import CronSim, CronSimError


@cache
def zone(name):
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        # A POSIX string: a version 3 file (RFC 8536) with one type, no changes, and the string as its footer.
        header = b"TZif3" + bytes(15) + struct.pack(">6L", 0, 0, 0, 0, 1, 1) + bytes(6) + bytes(1)
        return ZoneInfo.from_file(io.BytesIO(header + header + b"\n" + name.encode() + b"\n"), name)


class Bounded(CronSim):
    """In some half-hour changes it goes round in circles: within one hour there are 60 minutes, in a day 24 hours."""

    ticks = 0

    def tick(self, seconds=1):
        self.ticks += 1
        if self.ticks > 10_000:
            raise CronSimError("it goes round in circles")
        super().tick(seconds)


def shown(time):
    back = time.astimezone(timezone.utc).astimezone(time.tzinfo)
    return back.replace(tzinfo=None) == time.replace(tzinfo=None)


def answer(line, count):
    expression, name, start = line.rstrip("\n").split("\t")
    words = []
    try:
        times = Bounded(expression, datetime.fromtimestamp(int(start), zone(name)))
        while len(words) < count:
            times.ticks = 0
            time = next(times)
            words.append(f"{int(time.timestamp())}{'' if shown(time) else '!'}")
    except CronSimError as error:
        words.append(f"none: {error}")
    except StopIteration:
        words.append("none: it gives up")
    return " ".join(words)


reset_tzpath([os.environ.get("TZDIR") or "/usr/share/zoneinfo"])
for case in sys.stdin:
    print(answer(case, int(sys.argv[1])))
