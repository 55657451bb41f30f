"""Mails: what a relay takes of the sender, and what readers of mail and of calendars make of it."""
import email
import email.policy
import ssl

import icalendar
import pytest
import vobject
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from conftest import free_port
from sender_receiver import EVENT, Sender, certificate, record


class Relay:
    """Keeps what it takes; refuses by the receiver's name, as "550@…"."""

    def __init__(self, **options):
        self.mails, self.users = [], []
        self.controller = Controller(self, hostname="127.0.0.1", port=free_port(), **options)
        self.controller.start()
        self.at = f"127.0.0.1:{self.controller.port}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.controller.stop()

    async def handle_RCPT(self, _server, _session, envelope, address, _options):
        if address[:3].isdigit():
            return f"{address[:3]} no such box"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server, session, envelope):
        self.mails.append((envelope, session.ssl is not None))
        return "250 kept as 1"

    def authenticate(self, _server, _session, _envelope, _mechanism, data):
        self.users.append((data.login.decode(), data.password.decode()))
        return AuthResult(success=data.password == b"a word")

    def last(self):
        """The last mail as Python's parser reads it, without a defect."""
        message = email.message_from_bytes(self.mails[-1][0].original_content, policy=email.policy.default)
        for part in message.walk():
            assert not part.defects, part.defects
        return message


def sender_of(relay, scheme="smtp", user="", **settings):
    return Sender(CBM_SMTP=f"{scheme}://{user}{relay.at}", CBM_SMTP_FROM="cbm@secretariat.example", **settings)


@pytest.fixture(name="relay")
def start_relay():
    with Relay() as relay:
        yield relay


def parts(message):
    return [part.get_content_type() for part in message.walk()]


def test_a_mail(relay):
    with sender_of(relay) as sender:
        got = sender.mail(records=[record(reason="<b>why</b>")])
    assert (got["outcome"], got["code"], got["body"]) == ("taken", 250, "250 kept as 1  ")
    envelope, _ = relay.mails[0]
    assert envelope.mail_from == "cbm@secretariat.example" and envelope.rcpt_tos == ["newsroom@example.org"]
    message = relay.last()
    assert message["from"].addresses[0].addr_spec == "cbm@secretariat.example"
    assert message["to"].addresses[0].addr_spec == "newsroom@example.org"
    assert message["subject"] == f"Event scheduled: {EVENT['title']}"
    assert message["date"].datetime.isoformat() == "2021-07-13T08:00:00+00:00"
    assert message["message-id"] == "<cica.a-newsroom.42@secretariat.example>"
    assert message["x-cbm-seq"] == "42" and message["x-cbm-id"] == "42"
    assert message["x-cbm-topic"] == "events.economic.agriculture.smart-agriculture."
    assert message["auto-submitted"] == "auto-generated" and message["list-id"] == "<a-newsroom.cica.cbm>"
    assert parts(message) == ["multipart/alternative", "text/plain", "text/html", "text/calendar"]
    plain, page = (message.get_body([kind]).get_content() for kind in ("plain", "html"))
    for said in ("When: 2021-07-13 08:00:00 UTC to 2021-07-13 10:30:00 UTC", "Place: Алматы", "Reason: <b>why</b>", EVENT["title"]):
        assert said in plain
    assert "&lt;Smart&gt; Agriculture &amp; &quot;IoT&quot;" in page and "&lt;b&gt;why" in page and "<b>" not in page


def test_languages_and_thin_ones(relay):
    with sender_of(relay) as sender:
        sender.mail(records=[record()], language="ru")
        assert relay.last()["subject"] == "Event scheduled: Семинар «Умное сельское хозяйство»"
        sender.mail(records=[record()], language="fr")
        assert relay.last()["subject"] == f"Event scheduled: {EVENT['title']}"
        sender.mail(records=[record()], thin=True)
        message = relay.last()
        assert parts(message) == ["multipart/alternative", "text/plain", "text/html"]
        assert "Seminar" not in str(message) and "Алматы" not in message.get_body(["plain"]).get_content()
        sender.mail(records=[record(seq=41), record("event.accepted", 43, title="Another")])
        message = relay.last()
        assert message["subject"] == "2 notifications" and message["x-cbm-seq"] == "43" and not message["x-cbm-id"]
        assert "Event accepted: Another" in message.get_body(["plain"]).get_content()


@pytest.mark.parametrize("title", [
    "x\r\nBcc: evil@example.org\r\n\r\nbody", "=?UTF-8?Q?evil?=", "Ы" * 300, "a" * 500, "🙂" * 120, " ", ".\r\n.\r\n", "\t\x01\x7f",
    "</h2><script>alert(1)</script>"], ids=range(9))
def test_titles_break_out_of_nothing(relay, title):
    with sender_of(relay) as sender:
        assert sender.mail(records=[record(title=title)])["outcome"] == "taken"
    message = relay.last()
    shown = "".join(" " if ord(c) < 32 or ord(c) == 127 else c for c in f"Event scheduled: {title}")
    while len(shown.encode()) > 599:
        shown = shown[:-1]
    assert message["subject"] == shown
    assert message["bcc"] is None and len(relay.mails) == 1
    assert max(map(len, relay.mails[0][0].original_content.split(b"\r\n"))) <= 998
    assert all(len(line) <= 78 for line in relay.mails[0][0].original_content.split(b"\r\n"))
    assert "<script" not in message.get_body(["html"]).get_content()


def calendars(message):
    return [part for part in message.walk() if part.get_content_type() == "text/calendar"]


@pytest.mark.parametrize("kind, method, status", [
    ("event.scheduled", "REQUEST", "CONFIRMED"), ("event.rescheduled", "REQUEST", "CONFIRMED"),
    ("event.cancelled", "CANCEL", "CANCELLED")])
def test_invitations(relay, kind, method, status):
    with sender_of(relay) as sender:
        sender.mail(records=[record(kind)])
    part, = calendars(relay.last())
    assert part.get_param("method") == method
    text = part.get_content()
    calendar = icalendar.Calendar.from_ical(text)
    event, = calendar.walk("VEVENT")
    assert calendar["METHOD"] == method and event["STATUS"] == status
    assert event["UID"] == "smart-agriculture@cbm" and event["SEQUENCE"] == 6
    assert event["DTSTART"].dt.isoformat() == "2021-07-13T08:00:00+00:00"
    assert event["DTEND"].dt.isoformat() == "2021-07-13T10:30:00+00:00"
    assert event["SUMMARY"] == EVENT["title"] and event["LOCATION"] == "Алматы"
    assert event["ORGANIZER"] == "mailto:cbm@secretariat.example" and event["ATTENDEE"] == "mailto:newsroom@example.org"
    assert event["DTSTAMP"].dt.isoformat() == "2021-07-13T08:00:00+00:00"
    read = vobject.readOne(text)
    assert read.method.value == method and read.vevent.uid.value == "smart-agriculture@cbm"


def test_invitations_to_days_and_to_several_sessions(relay):
    days = [{"start": "2021-05-03", "end": "2021-05-05"}, {"start": "2021-08-03", "end": "2021-08-03"}]
    with sender_of(relay) as sender:
        sender.mail(records=[record(sessions=days)])
        message = relay.last()
        assert parts(message) == ["multipart/mixed", "multipart/alternative", "text/plain", "text/html", "text/calendar",
                                  "text/calendar"]
        found = [icalendar.Calendar.from_ical(part.get_content()).walk("VEVENT")[0] for part in calendars(message)]
        assert [one["UID"] for one in found] == ["smart-agriculture.1@cbm", "smart-agriculture.2@cbm"]
        assert [(one["DTSTART"].dt.isoformat(), one["DTEND"].dt.isoformat()) for one in found] == \
            [("2021-05-03", "2021-05-06"), ("2021-08-03", "2021-08-04")]
        assert [part.get_filename() for part in calendars(message)] == ["session-1.ics", "session-2.ics"]
        for without in (record(sessions=[]), record("event.accepted"), record(kind="event.scheduled", title=7),
                        record(sessions=[{"start": "9999-01-01", "end": "9999-01-02"}])):
            assert sender.mail(records=[without])["outcome"] == "taken"
            assert not calendars(relay.last())


def test_what_the_relay_says(relay):
    with sender_of(relay) as sender:
        for code in (450, 550, 554):
            got = sender.mail(f"{code}@example.org", records=[record()])
            assert (got["outcome"], got["code"]) == ("failed", code) and str(code) in got["body"], got
        assert sender.mail(records=[record()])["outcome"] == "taken"
        for address in ("", "x", "a@b\r\nRCPT TO:<c@d>", "a b@c", "<a@b>", "a@b>c", "\"a\"@b", "a@b@c", ".a@b", "a@-b", "a" * 65 + "@b",
                        "Ж@example.org", "a@" + "b" * 253):
            assert sender.mail(address, records=[record()])["outcome"] == "forbidden", address
    assert len(relay.mails) == 1


def test_dots_and_lines(relay):
    with sender_of(relay) as sender:
        assert sender.mail(message="Subject: x\r\n\r\n.\r\n..\r\n.a\r\nend\r\n")["outcome"] == "taken"
    assert relay.mails[0][0].original_content == b"Subject: x\r\n\r\n.\r\n..\r\n.a\r\nend\r\n"


def test_no_relay():
    with Sender() as sender:
        assert sender.mail(records=[record()])["outcome"] == "refused"
    with Sender(CBM_SMTP=f"smtp://127.0.0.1:{free_port()}", CBM_SMTP_FROM="a@b.example") as sender:
        got = sender.mail(records=[record()])
        assert (got["outcome"], got["code"]) == ("failed", 0) and got["error"]


def tls(cert, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context


def test_starttls_and_users(scratch):
    cert, key = certificate(scratch)
    word = scratch / "word"
    word.write_text("a word\n")
    options = {"CBM_WEBHOOK_CA": str(cert), "CBM_SMTP_PASSWORD_FILE": str(word)}
    with Relay(tls_context=tls(cert, key)) as relay:
        with sender_of(relay, **options) as sender:
            assert sender.mail(records=[record()])["outcome"] == "taken"
            assert relay.mails[-1][1]  # taken over TLS, since it was offered
        with sender_of(relay, CBM_SMTP_TLS="never", **options) as sender:
            assert sender.mail(records=[record()])["outcome"] == "taken"
            assert not relay.mails[-1][1]
        with sender_of(relay) as sender:  # whose certificate nobody vouches for
            got = sender.mail(records=[record()])
            assert got["outcome"] == "failed" and "certificate" in got["error"].lower(), got
    users = []
    with Relay(tls_context=tls(cert, key), auth_require_tls=True, auth_required=True,
               authenticator=lambda *given: users.append((given[4].login, given[4].password)) or
               AuthResult(success=given[4].password == b"a word")) as relay:
        with sender_of(relay, user="cbm@", **options) as sender:
            assert sender.mail(records=[record()])["outcome"] == "taken"
        assert users == [(b"cbm", b"a word")]
        word.write_text("another\n")
        with sender_of(relay, user="cbm@", **options) as sender:
            got = sender.mail(records=[record()])
            assert got["outcome"] == "failed" and "another" not in str(got), got
    with Relay() as relay:  # offers no TLS: a password does not go to it, nor a mail that must be secret
        for settings in ({"user": "cbm@"}, {"CBM_SMTP_TLS": "required"}):
            with sender_of(relay, **settings, **options) as sender:
                assert sender.mail(records=[record()])["outcome"] == "failed"
        assert not relay.mails


def test_smtps(scratch):
    cert, key = certificate(scratch)
    with Relay(ssl_context=tls(cert, key)) as relay, sender_of(relay, "smtps", CBM_WEBHOOK_CA=str(cert)) as sender:
        assert sender.mail(records=[record()])["outcome"] == "taken"
    assert relay.mails
