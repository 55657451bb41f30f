"""The digest of a period against the sample, counted by hand: as a structure, as Markdown and as HTML that others
read, the same bytes from every replica, and whatever titles say."""
import collections
import html.parser
import json
import re

import markdown
import pytest

from conftest import ROOT, CallError, send_all

MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
          "December"]
VOID = {"meta", "br"}


def sample(name):
    lines = (ROOT / "deploy/sample" / name).read_text().splitlines()
    return [json.loads(line) for line in lines if line and not line.startswith("#")]


def took_place(first, last):
    """{id: (month, dimension)} of the sample's events that ended in the period."""
    found = {}
    for line in sample("60-plan-2021.jsonl"):
        sessions = line.get("schedule", {}).get("sessions")
        if line["kind"] == "event" and sessions and line.get("status") in ("held", "reported"):
            end = max(one["end"] for one in sessions)
            if first <= end <= last:
                found[line["event"]["id"]] = (end[:7], line["event"].get("dimension", "-"))
    return found


def listed(digest):
    return {event["id"]: (month["month"], dimension["code"]) for month in digest["months"]
            for dimension in month["dimensions"] for event in dimension["events"]}


class Page(html.parser.HTMLParser):
    """Headings and items of a page whose tags must be balanced."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.lines, self.tags = [], [], collections.Counter()
        self.feed(text)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        self.tags[tag] += 1
        if tag not in VOID:
            self.open.append(tag)
        if tag in ("h1", "h2", "h3", "li", "p"):
            self.lines.append((tag, ""))

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data):
        if set(self.open) & {"h1", "h2", "h3", "li", "p"}:
            tag, text = self.lines[-1]
            self.lines[-1] = (tag, text + data)


def lines_of(text):
    return [(tag, " ".join(line.split())) for tag, line in Page(text).lines]


@pytest.fixture(scope="module")
def digest(sample_stack):
    with sample_stack.client() as client:
        yield lambda first, last, **more: client.call("notify", "digest.get", {"from": first, "to": last, **more}, safe=True)


@pytest.mark.parametrize("first, last, events, reported, decisions", [
    ("2021-07-01", "2021-12-31", 29, 23, 7),
    ("2021-07-01", "2021-07-31", 2, 2, 0),
    ("2021-12-01", "2021-12-31", 4, 3, 1),
    ("2021-01-01", "2021-06-30", 0, 0, 4),
    ("2022-10-12", "2022-10-13", 1, 0, None),
])
def test_what_it_lists(digest, first, last, events, reported, decisions):
    got = digest(first, last)
    assert listed(got) == took_place(first, last)
    assert (got["totals"]["events"], got["totals"]["reported"]) == (events, reported)
    wanted = {one["id"] for one in sample("06-decisions.jsonl")
              if one["kind"] == "decision" and first <= one["decided"] <= last and one["status"] == "adopted"}
    assert {one["id"] for one in got["decisions"]} == wanted
    assert decisions is None or len(wanted) == decisions
    entered = {(one["code"], entry["status"]) for one in sample("10-participants.jsonl")
               for entry in one.get("history", []) if first <= entry["from"] <= last}
    assert {(one["code"], one["status"]) for one in got["participants"]} == entered


def test_totals_by_hand(digest):
    """40 + 100 + 510 + 100 + 90, of which one is `about` and one `more than`."""
    totals = digest("2021-07-01", "2021-12-31")["totals"]
    assert (totals["participants_count"], totals["counted"], totals["participants_qualifier"]) == (840, 5, "more_than")


def test_two_digests_have_every_event_once(digest):
    whole, parts = listed(digest("2021-01-01", "2022-12-31")), []
    for first, last in (("2021-01-01", "2021-09-23"), ("2021-09-24", "2021-12-02"), ("2021-12-03", "2022-12-31")):
        parts += listed(digest(first, last))
    assert sorted(parts) == sorted(whole) and len(whole) == 30


def test_dimension(digest):
    got = digest("2021-07-01", "2021-12-31", dimension="environmental")
    assert listed(got) == {id: place for id, place in took_place("2021-07-01", "2021-12-31").items()
                           if place[1] == "environmental"}
    assert got["decisions"] == got["participants"] == []


def test_markdown_and_html_are_the_same_text(digest):
    got = digest("2021-07-01", "2021-12-31")
    page = digest("2021-07-01", "2021-12-31", form="html")["text"]
    text = digest("2021-07-01", "2021-12-31", form="markdown")["text"]
    lines = lines_of(page)
    assert lines == lines_of(markdown.markdown(text))
    assert page.startswith("<!DOCTYPE html>\n") and lines[0] == ("h1", "Digest of 1 July – 31 December 2021")
    assert [line for tag, line in lines if tag == "h2"][:6] == [f"{name} 2021" for name in MONTHS[6:]]
    items = [line for tag, line in lines if tag == "li"]
    assert len(items) == 29 + len(got["decisions"]) + len(got["participants"]) + len(got["chairs"])
    titles = [event["title"] for month in got["months"] for dimension in month["dimensions"] for event in dimension["events"]]
    assert all(title in item for title, item in zip(titles, items))
    assert re.search(r"^15–16 July 2021\. International Conference .* External conference, hosted by Uzbekistan, Tashkent, in person\.$",
                     items[1])


def test_the_same_log_gives_the_same_bytes(sample_stack, digest):
    first = sample_stack.cbm("digest", "2021-07-01", "2021-12-31").stdout
    sample_stack.kill("notify.1")
    sample_stack.up("--sample")
    assert sample_stack.cbm("digest", "2021-07-01", "2021-12-31").stdout == first
    assert digest("2021-07-01", "2021-12-31", form="markdown")["text"] == first


def test_command_line(sample_stack, tmp_path):
    sample_stack.cbm("digest", "2021-07-01", "2021-12-31", "--form", "html", "-o", tmp_path / "digest.html")
    assert len(lines_of((tmp_path / "digest.html").read_text())) > 50
    said = json.loads(sample_stack.cbm("digest", "2021-07-01", "2021-07-31", "--form", "json").stdout)
    assert said["totals"]["events"] == 2
    assert sample_stack.cbm("digest", "2021-07-01", check=False).returncode == 64
    assert "not before `from`" in sample_stack.cbm("digest", "2021-07-02", "2021-07-01", check=False).stderr


@pytest.mark.parametrize("params", [{"to": "2020-01-01"}, {"to": "2040-01-01"}, {"form": "pdf"}])
def test_what_is_wrong_is_told(digest, params):
    with pytest.raises(CallError) as caught:
        digest(**{"first": "2021-01-01", "last": params.pop("to", "2021-02-01"), **params})
    assert caught.value.code == "invalid_argument"


# ---- what changes, and what nobody should believe; on a stack of its own ----

HOSTILE = "<img src=x onerror=alert(1)> **bold** [link](http://x) `code` & | # ~~gone~~ \\ <!-- -->"


def test_late_changes_languages_series_drafts_and_titles(make_stack):
    stack = make_stack()
    with stack.client() as client:
        def call(method, **params):
            service = {"event": "events", "document": "events"}.get(method.split(".")[0], "registry")
            return client.call(service, method, params)

        def held(id, title, on="2021-05-18", report=None, **more):
            call("event.propose", id=id, title=title, kind="seminar", host="SECRETARIAT", year=2021, **more)
            call("event.accept", id=id)
            call("event.schedule", id=id, format="online", sessions=[{"start": on, "end": on}])
            call("event.hold", id=id)
            if report:
                call("event.report", id=id, member_states=[], **report)

        def ask(**more):
            return client.call("notify", "digest.get", {"from": "2021-05-01", "to": "2021-05-31", **more})

        held("course", "Course", on="2021-06-30", report={"participants_count": 950, "participants_qualifier": "more_than"})
        held("part", "Part", series="course", report={"participants_count": 510})
        held("bad", HOSTILE, titles={"ru": "Плохой"}, report={"participants_count": 12, "summary": "x"})
        held("gone", "Gone")
        call("event.propose", id="planned", title="Planned", kind="seminar", host="SECRETARIAT", year=2021,
             sessions=[{"start": "2021-05-20", "end": "2021-05-20"}])
        got = ask()
        assert set(listed(got)) == {"part", "bad", "gone"}
        assert (got["totals"]["participants_count"], got["totals"]["counted"]) == (12, 1)  # the part is in its series
        events = {event["id"]: event for event in got["months"][0]["dimensions"][0]["events"]}
        assert events["part"]["counted"] is False and events["bad"]["title"] == HOSTILE
        russian = {event["id"]: event["title"] for event in ask(language="ru")["months"][0]["dimensions"][0]["events"]}
        assert russian == {"part": "Part", "bad": "Плохой", "gone": "Gone"}
        page, text = ask(form="html")["text"], ask(form="markdown")["text"]
        assert lines_of(page) == lines_of(markdown.markdown(text))
        for made in (page, markdown.markdown(text)):
            tags = Page(made).tags
            assert not set(tags) - {"html", "head", "meta", "title", "body", "h1", "h2", "h3", "p", "ul", "li", "strong"}, tags
            assert any(HOSTILE in line for _, line in lines_of(made))
        # what is said later counts, once; a document that was adopted is told of
        today = call("event.report", id="gone", member_states=[], participants_count=30)["changed"][:10]
        call("document.attach", event="gone", title="Outcome", kind="outcome-document", language="en", uri="https://x.example/o",
             sha256="0" * 64, status="adopted")
        got = ask()
        assert [event["participants_count"] for event in got["months"][0]["dimensions"][0]["events"] if event["id"] == "gone"] == [30]
        assert (got["totals"]["participants_count"], got["totals"]["events"], got["totals"]["reported"]) == (42, 3, 3)
        now = client.call("notify", "digest.get", {"from": today, "to": today})
        assert [(one["event"], one["title"]) for one in now["documents"]] == [("gone", "Outcome")]


def test_a_log_of_several_pages(make_stack):
    """The first record, the last one, and what was said of an event in between: 1,500 others lie between them."""
    stack = make_stack()
    with stack.client(30) as client:
        def step(method, id, **more):
            client.call("events", f"event.{method}", {"id": id, **more})

        def held(id):
            step("propose", id, title=id, kind="seminar", host="SECRETARIAT", year=2021)
            step("accept", id)
            step("schedule", id, format="online", sessions=[{"start": "2021-05-18", "end": "2021-05-18"}])
            step("hold", id)

        held("first")
        for part in range(3):
            send_all(client, "events", (("event.propose", {"id": f"other-{part}-{i}", "title": "Other", "kind": "seminar",
                                                           "host": "SECRETARIAT", "year": 2021}) for i in range(500)))
            if part == 1:
                step("report", "first", member_states=[], participants_count=7)
        held("last")
        got = client.call("notify", "digest.get", {"from": "2021-05-01", "to": "2021-05-31"})
        assert set(listed(got)) == {"first", "last"} and got["totals"]["participants_count"] == 7
