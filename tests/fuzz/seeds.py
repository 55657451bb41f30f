#!/usr/bin/env python3
"""Writes the seeds of the fuzz targets from the golden vectors: tests/fuzz/seeds.py DIRECTORY."""
import hashlib
import pathlib
import struct
import sys

root = pathlib.Path(__file__).resolve().parents[2]
out = pathlib.Path(sys.argv[1])


def seed(target, data):
    folder = out / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / hashlib.sha1(data).hexdigest()).write_bytes(data)


for name in ("messages", "records"):
    for line in (root / "tests/golden" / (name + ".txt")).read_text().splitlines():
        if line.startswith("#"):
            continue
        kind, what, _, digits = line.split()
        data = bytes.fromhex(digits)
        seed("mp", data)
        if kind == "schema":
            seed("schema", what.encode() + b"\n" + data)
        elif kind == "attributes":
            topic, body = b"events.economic.sme.x.", b"3 \x80"  # as the commit function stores it
            lens = struct.pack(">HHIH", len(topic), len(data), len(body), 2)
            stored = b"41 40 12 7 3 1626163200125\n" + lens + topic + data + body
            seed("record", stored)
            seed("record", b"".join(seq.to_bytes(8, "big") + stored for seq in (42, 43)))
        elif kind not in ("meta", "item"):
            seed("rpc", data)
for topic in ("", "events.", "events.human.-.id.", "private.kz.note.", "1.2.3.4.5.6.7.8.", "a..b."):
    seed("topic", topic.encode())
for query in ("\ntopics=events.>,plan.*\ntypes=event.*\nhosts=KZ\nfrom=12\npayload=thin", "17\nareas=tourism\nstatuses=held",
              "\nfrom=2026-01-01T00:00:00Z\ntopics=private.KZ.>", "9" * 40):
    seed("stream", query.encode())
for pattern in ("events.>\nevents.human.-.id.", "*.2021\nplan.2021.", "private.KZ.>\nprivate.KZ.events.a.", ">\na.", "a.>.b\na."):
    seed("pattern", pattern.encode())
for text in ("2021-07-13", "2021-07-13T08:00:00Z", "2021-07-13T08:00:00.125+06:00", "Asia/Almaty",
             "2016-12-31T23:59:60Z", "0001-01-01T00:00:00+00:01", "Forum of Youth: 2021", "KZ"):
    seed("date", text.encode())


def batch(prefix, seq, *records):
    def text(value):
        return b"\xda" + len(value).to_bytes(2, "big") + value

    def blob(value):
        return b"\xc6" + len(value).to_bytes(4, "big") + value
    return (b"\x84\xa4type\xa9watermark\xa6prefix" + text(prefix) + b"\xa3seq\xcf" + seq.to_bytes(8, "big") +
            b"\xa7records\xdd" + (3 * len(records)).to_bytes(4, "big") +
            b"".join(text(topic) + blob(meta) + blob(data) for topic, meta, data in records))


seed("batch", b"/compact/1/events./")
seed("batch", batch(b"", 0))
seed("batch", batch(b"events.", 9, (b"events.x.", b"\x81\xa3seq\x08", b"\x80"), (b"events.y.", b"\x80", b"")))
seed("reply", b":41\r\n")
seed("reply", b"*5\r\n:41\r\n:0\r\n$1\r\n1\r\n:2\r\n$15\r\n3 1700000000000\r\n")
seed("reply", b"*3\r\n:41\r\n:1\r\n$12\r\n2 d 17 41 ok\r\n")
seed("reply", b"*4\r\n$2\r\n30\r\n$1\r\n1\r\n$8\r\n12 2 3 1\r\n$4\r\n30 5\r\n")


def zap(*frames):
    return b"".join(bytes([len(frame)]) + frame for frame in frames)


seed("zap", zap(b"1.0", b"1", b"clients", b"127.0.0.1", b"", b"CURVE", bytes(range(32))))
seed("zap", zap(b"1.0", b"1", b"clients", b"127.0.0.1", b"", b"PLAIN", b"name", b"word"))
seed("zap", zap(b"1.0", b"1", b"clients", b"::1", b"", b"NULL"))


def calendar(*lines):
    return "\r\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", *lines, "END:VCALENDAR", ""]).encode()


def event(*lines):
    return ["BEGIN:VEVENT", "UID:1", *lines, "SUMMARY:s", "END:VEVENT"]


seed("ics", (root / "tests/golden/calendar.ics").read_bytes())
for lines in (["DTSTART;VALUE=DATE:20210321", "RRULE:FREQ=YEARLY"],
              ["DTSTART;TZID=Asia/Almaty:20210101T090000", "DURATION:PT1H", "RRULE:FREQ=WEEKLY;BYDAY=MO,WE;COUNT=9",
               "EXDATE;TZID=Asia/Almaty:20210104T090000", "RDATE:20210110T000000Z"],
              ["DTSTART:20210101T090000Z", "DTEND:20210101T100000Z", "RRULE:FREQ=MONTHLY;BYDAY=-1FR;UNTIL=20211231T000000Z"],
              ["DTSTART;VALUE=DATE:20210131", "RRULE:FREQ=MONTHLY;BYMONTHDAY=31", "STATUS:CONFIRMED"],
              ["DTSTART;VALUE=DATE:20210131", "RRULE:FREQ=YEARLY;BYYEARDAY=-1"],
              ["DTSTART;VALUE=DATE:20210131", "RDATE;VALUE=PERIOD:20210107T080000Z/PT3H"]):
    seed("ics", calendar(*event(*lines)))
seed("ics", calendar("X-WR-TIMEZONE:Europe/Paris", "BEGIN:VTIMEZONE", "TZID:Own", "BEGIN:STANDARD",
                     "DTSTART:20001029T030000", "TZOFFSETFROM:+0500", "TZOFFSETTO:+0400",
                     "RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU", "END:STANDARD", "END:VTIMEZONE",
                     *event("DTSTART;TZID=Own:20210701T080000", "DURATION:PT1H", "RRULE:FREQ=DAILY;COUNT=3"),
                     *event("RECURRENCE-ID;TZID=Own:20210702T080000", "DTSTART:20210703T080000", "DURATION:PT1H")))
