#!/usr/bin/env python3
"""Makes src/schedule/iana.txt, the rules of all IANA time zones that are built into wingmate.

    packaging/zones.py            write it anew from the release named below (pip fetches it)
    packaging/zones.py --check    show how it differs from what would be written; status 1 if it does
    packaging/zones.py … WHEEL    take the release from this file, fetched before

For another release set PACKAGE and SHA256, run it, and run `cargo test --test zones`, which compares the result with
the zone files of the system.

The text has one line for each way to keep time, that of all zones which have kept it since SINCE, and will:

    RULE CHANGES [AREA/]NAME,NAME… [AREA/]NAME,NAME…

RULE is the footer of the zones' files, a POSIX TZ string. CHANGES is `-` where that is right at all times since SINCE.
Elsewhere it lists, up to where the rule takes over, all changes of the clock: `BEFORE`, the offset before the first one,
then `,AFTER=OFFSET` for each. Offsets are minutes east of UTC; AFTER is minutes since the change before, or since 1970
for the first. What was before SINCE is left out.
"""

import calendar
import difflib
import hashlib
import pathlib
import re
import struct
import subprocess
import sys
import tempfile
import zipfile

PACKAGE = "2026.2"  # of the Python package `tzdata`, which is IANA's 2026b
SHA256 = "bbe9af844f658da81a5f95019480da3a89415801f6cc966806612cc7169bffe7"
SINCE = calendar.timegm((2024, 1, 1, 0, 0, 0))
# Where the years end that rule and table are compared in. Tables that say what no rule can end in 2087.
UNTIL = 2100
TEXT = pathlib.Path(__file__).parent.parent / "src/schedule/iana.txt"


def wheel(directory):
    """Fetches the release."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", directory, f"tzdata=={PACKAGE}"]
    subprocess.run(pip, check=True)
    (path,) = pathlib.Path(directory).glob("*.whl")
    return path


def tzif(data):
    """The changes in a zone file (RFC 9636), as (Unix time, offset after it); the offset before them; the footer."""

    def header(at):
        assert data[at : at + 4] == b"TZif" and data[at + 4 : at + 5] >= b"2"
        return struct.unpack(">6I", data[at + 20 : at + 44])

    utc, standard, leaps, times, types, names = header(0)
    second = 44 + times * 5 + types * 6 + names + leaps * 8 + standard + utc
    utc, standard, leaps, times, types, names = header(second)
    assert leaps == 0
    at = second + 44
    instants = struct.unpack(f">{times}q", data[at : at + 8 * times])
    indexes = data[at + 8 * times : at + 9 * times]
    at += 9 * times
    offsets = [struct.unpack(">i", data[at + 6 * i : at + 6 * i + 4])[0] for i in range(types)]
    at += types * 6 + names + leaps * 12 + standard + utc
    return [(t, offsets[i]) for t, i in zip(instants, indexes)], offsets[0], data[at:].decode("ascii").strip("\n")


def seconds(text):
    """Of a signed hh[:mm[:ss]]."""
    parts = [int(part) for part in text.lstrip("+-").split(":")] + [0, 0]
    return (-1 if text.startswith("-") else 1) * (parts[0] * 3600 + parts[1] * 60 + parts[2])


NAME, TIME, DAY = r"(?:<[^>]+>|[A-Za-z]+)", r"[+-]?\d+(?::\d+){0,2}", r"M(\d+)\.(\d)\.(\d)"
FOOTER = re.compile(f"{NAME}({TIME})(?:{NAME}({TIME})?,{DAY}(?:/({TIME}))?,{DAY}(?:/({TIME}))?)?")


def changes_of_rule(footer):
    """The changes that a POSIX string makes from 2023 until UNTIL, and the offset before them."""
    parts = FOOTER.fullmatch(footer)
    assert parts, footer
    standard, summer, *days = parts.groups()
    winter = -seconds(standard)
    if days[0] is None:
        return [], winter
    summer = -seconds(summer) if summer else winter + 3600
    changes = []
    for year in range(2023, UNTIL):
        for (month, week, weekday, time), before, after in (days[:4], winter, summer), (days[4:], summer, winter):
            month, week, weekday = int(month), int(week), int(weekday)
            first, length = calendar.monthrange(year, month)
            day = 1 + (weekday - 1 - first) % 7 + 7 * (week - 1)
            day -= 7 if day > length else 0
            local = calendar.timegm((year, month, day, 0, 0, 0)) + seconds(time or "2")
            changes.append((local - before, after))
    changes.sort()
    return changes, summer if changes[0][1] == winter else winter


def since(changes, before):
    """The changes that do change the offset since SINCE, and the offset before them."""
    kept = []
    for at, offset in changes:
        if at > SINCE and offset != (kept[-1][1] if kept else before):
            kept.append((at, offset))
        elif at <= SINCE:
            before = offset
    return kept, before


def line_of(data):
    """The rule and the changes of a zone file, as the text has them."""
    table, before, footer = tzif(data)
    rule = changes_of_rule(footer)
    last = table[-1][0] if table else SINCE
    kept, before = since(table + [change for change in rule[0] if change[0] > last], before)
    by_rule, before_rule = since(*rule)
    # From the end on, they are the same as far back as possible.
    same = 0
    while same < min(len(kept), len(by_rule)) and kept[-1 - same] == by_rule[-1 - same]:
        same += 1
    different = kept[: len(kept) - same]
    if before == before_rule and len(kept) == len(by_rule) == same:
        return f"{footer} -"
    # The first change that they have in common is where the rule takes over.
    different = kept[: len(different) + 1]
    # Or nothing changes any more, and it has all the time.
    assert different and (same or not by_rule), footer
    text, last = [str(before // 60)], 0
    assert before % 60 == 0
    for at, offset in different:
        assert at % 60 == offset % 60 == 0
        text.append(f"{(at - last) // 60}={offset // 60}")
        last = at
    return f"{footer} {','.join(text)}"


def text_of(path):
    """All zones of a release."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != SHA256:
        sys.exit(f"{path} is not the release that is named here: its SHA-256 is {digest}")
    lines = {}
    with zipfile.ZipFile(path) as release:
        (version,) = re.findall(r'IANA_VERSION = "(\w+)"', release.read("tzdata/__init__.py").decode())
        for name in release.read("tzdata/zones").decode().split():
            area, _, city = name.rpartition("/")
            line = line_of(release.read(f"tzdata/zoneinfo/{name}"))
            lines.setdefault(line, {}).setdefault(area, []).append(city)
    text = [f"# tzdata {version}"]
    for line, areas in sorted(lines.items()):
        groups = ((f"{area}/" if area else "") + ",".join(sorted(cities)) for area, cities in sorted(areas.items()))
        text.append(f"{line} {' '.join(groups)}")
    return "\n".join(text) + "\n"


def main(arguments):
    check = arguments[:1] == ["--check"]
    files = arguments[1:] if check else arguments
    if len(files) > 1 or any(file.startswith("-") for file in files):
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as directory:
        wanted = text_of(pathlib.Path(files[0]) if files else wheel(directory))
    if not check:
        TEXT.write_text(wanted, encoding="ascii")
        return
    found = TEXT.read_text(encoding="ascii")
    sys.stdout.writelines(difflib.unified_diff(found.splitlines(True), wanted.splitlines(True), TEXT.name, PACKAGE))
    sys.exit(found != wanted)


main(sys.argv[1:])
