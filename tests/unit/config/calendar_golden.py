#!/usr/bin/env -S python3 -B
"""Asks systemd-analyze when calendar expressions are due next, and writes tests/vectors/calendar.txt.

  calendar_golden.py [--out FILE]     needs systemd-analyze with --base-time (250 or later) and the package tzdata

Each question is a process of its own: what the C library answers for a repeated hour depends on what it was asked before.
All instants but those of UTC lie in the past, so that new rules of a time zone leave the answers as they are.
"""
import argparse, calendar, os, pathlib, random, re, subprocess, sys, time

HERE = pathlib.Path(__file__).resolve().parent
HEADER = """\
# When systemd says that calendar expressions are due next.  Made by tests/unit/config/calendar_golden.py with
#   %s
# zone       name, then instants in seconds since 1970
# refused    an expression that systemd does not read
# else       expression, normalized form, and for each instant of each zone above the seconds until it is due next:
#            - never again, ! systemd gave up looking
"""

# Around each change of a clock: hours before, the last second, the change itself, and within what is repeated.
ZONES = {
    "UTC": ["1970-01-02 00:00:00", "1999-12-31 23:59:59", "2000-02-28 23:59:59", "2023-12-31 23:59:59", "2024-02-28 12:00:00",
            "2024-02-29 00:00:00", "2024-04-30 04:05:06", "2026-11-22 15:52:07", "2099-12-31 23:59:58", "2100-02-28 23:59:59", "2199-12-30 22:00:00"],
    "Europe/Berlin": ["2024-03-30 12:34:56", "2024-03-31 00:29:59", "2024-03-31 00:59:59", "2024-03-31 01:00:00", "2024-07-14 22:00:00",
                      "2024-10-26 23:10:00", "2024-10-27 00:00:00", "2024-10-27 00:30:00", "2024-10-27 00:59:59", "2024-10-27 01:00:00",
                      "2024-10-27 01:40:00", "2024-10-27 02:00:00"],
    "America/New_York": ["2025-03-09 04:59:59", "2025-03-09 06:15:00", "2025-03-09 06:59:59", "2025-11-01 20:00:00", "2025-11-02 05:29:59",
                         "2025-11-02 06:00:00", "2025-11-02 06:45:00"],
    "Australia/Lord_Howe": ["2025-04-05 14:00:00", "2025-04-05 14:44:59", "2025-04-05 15:00:00", "2025-04-05 15:20:00", "2025-10-04 14:59:59",
                            "2025-10-04 15:29:59", "2025-10-04 15:30:00"],
    "Pacific/Apia": ["2011-12-29 12:00:00", "2011-12-30 05:00:00", "2011-12-30 09:59:59", "2011-12-30 10:00:00", "2011-12-31 09:00:00"],
    "America/Sao_Paulo": ["2018-02-17 12:00:00", "2018-02-18 01:30:00", "2018-02-18 02:30:00", "2018-11-03 12:00:00", "2018-11-04 02:59:59",
                          "2018-11-04 03:00:00"],
    "Europe/Dublin": ["2021-03-22 11:27:58", "2021-03-28 00:30:00", "2021-10-31 00:15:00", "2021-10-31 01:15:00"],
    "Asia/Kolkata": ["2024-02-28 18:29:59", "2025-06-30 18:30:00"],
}

# The examples of systemd.time(7) but for the one with fractions.
MANUAL = """Thu,Fri 2012-*-1,5 11:12:13|Sat,Thu,Mon..Wed,Sat..Sun|Mon,Sun 12-*-* 2,1:23|Wed *-1|Wed..Wed,Wed *-1|Wed, 17:48
Wed..Sat,Tue 12-10-15 1:2:3|*-*-7 0:0:0|10-15|monday *-12-* 17:00|Mon,Fri *-*-3,1,2 *:30:45|12,14,13,12:20,10,30|12..14:10,20,30
mon,fri *-1/2-1,3 *:30:45|03-05 08:05:40|08:05:40|05:40|Sat,Sun 12-05 08:05:40|Sat,Sun 08:05:40|2003-03-05 05:40|2003-02..04-05
2003-03-05 05:40 UTC|2003-03-05|03-05|hourly|daily|daily UTC|monthly|weekly|weekly Pacific/Auckland|yearly|annually|*:2/3|*-02~03|Mon *-05~07/1
minutely|quarterly|semiannually"""
WRITTEN = """Sat,Thu,Mon-Wed,Sat-Sun|Wed-Wed,Wed *-1|Wednesday,|Wed-Sat,Tue 12-10-15 1:2:3|anually|biannually|bi-annually|semi-annually|Hourly|DAILY
MON..FRI 02:30|Mon-Fri 02:30|mon-Fri,sun 02:30|monday..friday 02:30|Sat,Sun|sunday 23:59:59|Mon  02:30|Tue   *-*-*   03:15|Mon..Sun 06:00
*-*-*|*-*|*:*:*|*:*|12:*|*:30|*:0/15|*:0/1|0/1:0|*:*:0/1|*:4,30:0/1,3,5|*:4,30:*|*:4,30:0..3|*:20..39/5|*:05..05|*:05..10/6|00:00:20..40/1|00:00:01/2,02..03
9..11,13:00,30|1..3-1..3 1..3:1..3|93..00-*-*|00..07-*-*|*-*~*|*-*~1 Utc|*-*~05,3|*~03/1,03..05|*-*~1..7/3|*-*~28|*-*~01 23:30|Fri *-*~1..7 18:00|*-02~1
2024..2028-02~01 12:00|*-*-31|*-*-30|*-*-29|*-02-29|Mon *-02-29|Sun *-02-29 02:30|*-02-30|*-04-31|*-04,06-31|2024-02-29|2100-02-29|*-02-29,30,31
*-01,03/2-31 02:30|2024-03-31 02:30|2024-10-27 02:30|2024-10-27 *:30|2025-03-09 02:30:15|2025-11-02 01:30|2011-12-30|2011-12-30 *:00|2011-12-30 12:00
*-*-30 *:00|Fri 06:00|Fri *-12-30|02:00|02:15|02:30|02:59:59|03:00|03:00:01|01:30|01:59:59|00:00|00:30|23:00|23:30|23:59:59|2:30|02:30 UTC|02:30 utc|01..03:00
02,03:00,30|01,02,03:15|0/2:00|1/2:00|0/6:30|0..22/2:15|8..18/2:00|8..18:0/20|02:*|02:0/10|02:0/10:30|0..22:*|00..23:00|00..23:0/30|0/1:0/30|*:15|*:45|*:00:30|*:*:30
*:0/7|*:59:59|*:58/1|23:59|Sun 02:30|Sun *:30|Sun 01..03:30|Sat 23:30|Sun 00:00|Sun 00:30|*-10-* 02:30|*-10,11-* 01:30|*-03-* 02:15|*-11-02 *:*:00|*-10-27 00..04:00
2027-02-01|2027-02-01 04:00|27-2-1 4:0|*-*-01 04:00|*-*-01,15 04:00|*-*-1/10 04:00|*-*-01/5 04:00:00|*-01/7-01 04:00:00|*-1..12/3-1|*-1/3-1|*-1/1-*|12-25 18:00
1-1|7-4 12:00|Mon *-*-1..7|Sat *-*-1..7 18:00|Tue *-*-8..14 03:00|Mon..Fri *-*-25..31|Fri *-*-13|Fri *-*-13 13:13:13|2025/2-01-01|2024..2030/3-06-15 06:00|2025/50-*-1
1970-01-01|1970..1980-01-01 12:00|1999-12-31 23:59:59|2199-12-31 23:59:59|2199-*-* 12:00|2150-*-* 00:00:01|Mon 2199-12-30|2024-01-01..07 0/8:00|2024,2026,2028-*-15
daily Europe/Berlin|02:30 Europe/Berlin|*:0/30 Europe/Berlin|Sun 02:30 America/New_York|hourly Australia/Lord_Howe|*-*-01 04:00 Asia/Kolkata|Mon..Fri 09:00 Asia/Tokyo
monthly Etc/UTC|yearly Pacific/Apia|02:15 Australia/Lord_Howe|00:30 America/Sao_Paulo|*:30 America/Sao_Paulo|01:30 Europe/Dublin|12:00 Etc/GMT+12|12:00 Pacific/Kiritimati
2016-03-27 03:17:00|2015-10-25 01:00:00 uTc|2017-08-06 9,11,13,15,17:00 UTC|2017-08-06 9..17/2:00|2016-12-* 3..21/6:00 UTC|2017-09-24 02:30:00 Pacific/Auckland
2017-04-02 02:30:00 Pacific/Auckland|*-10-31 01:15|*-03-28 01:30|Sun *-*-* 01:00:00|*-02-17 23:30|*-11-04 00:00|*-11-04 00:00:01|*-02-18 00:00"""
REFUSED = """test|hourly daily|nightly|every 4h|Monda|Mondays 12:00|Mon.. 12:00|Monday..|Mon..Wed..Fri|Mon,,Fri|..Fri|Mon.Fri|Mon fri 12:00|Mon, Fri 12:00|7|12|24:00|12:60|12:00:60|-1:00|1:2:3:4
12:|:30|*/2:00|*:*/5|*,5:00|5,*:00|1,,2:00|1,:00|12..1:00|12..:00|..12:00|20/4:00|00:00/60|00:00:2300|*:0/0|0:0:0/0|121212:1:2|2000-03-05 00:00.1:00|12:00x|12:0 0|*-*-*-*|-*-1|2016~11-22
*-*~5/5|*~29|*~16..31|12..1/2-*|2016- 11- 24 12: 30: 00|-00:+00/-5|00:+00/-5|*:4,30:*,5|*-13-01|*-00-01|*-*-00|*-*-32|1969-01-01|2200-01-01|100-01-01|1970/300-01-01|*-1/12-1|2027-02-01T04:00
2027/02/01|30 2 * * *|daily 02:30|weekly mon|12:00 pm|daily Nowhere/Zone|daily europe/berlin|daily /UTC|daily Europe/|daily ../UTC|02:30 Mon|UTC| UTC|99999999999999999999:00"""


def split(text: str) -> list[str]:
    return [e for line in text.splitlines() for e in line.split("|")]


def composed(count: int) -> list[str]:
    """Expressions put together at random from parts that have a meaning, always the same ones."""
    rnd = random.Random(252)

    def part(least: int, most: int, any_: float) -> str:
        if rnd.random() < any_:
            return "*"
        out = []
        for _ in range(rnd.choice([1, 1, 1, 2, 3])):
            a, b = sorted(rnd.sample(range(least, most + 1), 2))
            step = rnd.randint(1, max(1, min(most - a, 9)))
            form = rnd.choice(["%d", "%02d"])
            out.append(rnd.choice([form % a, form % a, "%d..%d" % (a, b), "%d/%d" % (a, step), "%d..%d/%d" % (a, b, step)]) if a + step <= most else form % a)
        return ",".join(out)

    days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    found: list[str] = []
    while len(found) < count:
        out = []
        if rnd.random() < 0.3:
            a, b = sorted(rnd.sample(range(7), 2))
            out.append(rnd.choice([days[a], days[a] + ".." + days[b], days[a] + "," + days[b]]))
        if rnd.random() < 0.7:
            from_end = rnd.random() < 0.2
            day = rnd.choice(["%d" % rnd.randint(1, 28), "1..%d" % rnd.randint(2, 28), "7/1", "*"]) if from_end else part(1, 31, 0.4)
            date = part(1, 12, 0.6) + ("~" if from_end else "-") + day
            out.append((part(2000, 2040, 0.7) + "-" if rnd.random() < 0.6 else "") + date)
        if rnd.random() < 0.9:
            out.append(part(0, 23, 0.3) + ":" + part(0, 59, 0.3) + (":" + part(0, 59, 0.3) if rnd.random() < 0.4 else ""))
        if out and rnd.random() < 0.1:
            out.append(rnd.choice(["UTC", "Europe/Berlin", "America/New_York"]))
        text = " ".join(out)
        if out and text not in found:
            found.append(text)
    return found


def seconds(utc: str) -> int:
    return calendar.timegm(time.strptime(utc, "%Y-%m-%d %H:%M:%S"))


def ask(expression: str, zone: str, at: int) -> tuple[str, str] | None:
    """The normalized form (nothing if systemd gives up), and the seconds until the expression is due.  None: refused."""
    done = subprocess.run(["systemd-analyze", "calendar", "--base-time=@%d" % at, "--", expression], capture_output=True, text=True,
                          env={**os.environ, "TZ": zone, "LC_ALL": "C.UTF-8"})
    if "Infinite loop in calendar calculation" in done.stderr:
        return "", "!"
    normal = re.search(r"Normalized form: (.*)", done.stdout)
    if not normal:
        return None
    due = re.search(r"(?:in UTC\)|Next elapse): \w+ ([-\d]+ [:\d]+) UTC", done.stdout)
    if due:
        return normal[1], "%d" % (seconds(due[1]) - at)
    return (normal[1], "-") if "Next elapse: never" in done.stdout else None


def main() -> int:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--out", type=pathlib.Path, default=HERE.parent.parent / "vectors/calendar.txt")
    a = ap.parse_args()
    version = subprocess.run(["systemd-analyze", "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
    tzdata = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", "tzdata"], capture_output=True, text=True).stdout
    lines = [HEADER % (version + ", tzdata " + (tzdata or "of unknown version")).strip()]
    instants = [(zone, seconds(t)) for zone, times in ZONES.items() for t in times]
    for zone, times in ZONES.items():
        lines.append("\t".join(["zone", zone, " ".join("%d" % seconds(t) for t in times)]) + "\n")
    for expression in split(REFUSED):
        if ask(expression, "UTC", 0) is not None:
            print("systemd reads " + repr(expression), file=sys.stderr)
            return 1
        lines.append("refused\t" + expression + "\n")
    expressions = list(dict.fromkeys([*split(MANUAL), *split(WRITTEN), *composed(120)]))
    for expression in expressions:
        answers = [ask(expression, zone, at) for zone, at in instants]
        forms = {answer[0] for answer in answers if answer} - {""}
        if len(forms) != 1 or None in answers:
            print("systemd does not read %r" % expression, file=sys.stderr)
            return 1
        lines.append("\t".join([expression, forms.pop(), " ".join(answer[1] for answer in answers)]) + "\n")
    a.out.write_text("".join(lines), encoding="utf-8")
    print("%d expressions, %d instants" % (len(expressions), len(instants)), file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
