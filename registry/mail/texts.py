"""What the mails say, in English and in Indonesian.

They name roles, ids, addresses and days, and nothing that users write freely: nobody can send
advertisements in the platform's name.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from storage.rows import Row

Language = Literal["en", "id"]
Kind = Literal["invitation", "reset", "ending"]


@dataclass(frozen=True)
class Text:
    """A mail without its address."""

    subject: str
    body: str


TEXTS: dict[Language, dict[Kind, Text]] = {
    "en": {
        "invitation": Text(
            "You are invited to Technopark IoT",
            """\
{by} invites you to Technopark IoT, as {role} of {place}.

Open this link to accept. It is good once, until {end}:

{link}

If you do not know who invites you, leave this mail: without the link nothing happens.
""",
        ),
        "reset": Text(
            "Another password for Technopark IoT",
            """\
{by} has made a link by which you set your password. It is good once, until {end}:

{link}

If you did not ask for it, tell {by}. Until you use the link your password stays as it is.
""",
        ),
        "ending": Text(
            "Agreement {number} ends on {last_day}",
            """\
{last_day} is the last day of agreement {number}, by which {giver} lets {reader} read devices.

After that day nothing can be read by it. If you want to go on, {giver} offers another agreement.
""",
        ),
    },
    "id": {
        "invitation": Text(
            "Undangan ke Technopark IoT",
            """\
{by} mengundang Anda ke Technopark IoT, sebagai {role} di {place}.

Buka tautan ini untuk menerima undangan. Tautan hanya berlaku satu kali, sampai {end}:

{link}

Jika Anda tidak mengenal pengundang, abaikan surel ini: tanpa tautan itu tidak terjadi apa-apa.
""",
        ),
        "reset": Text(
            "Kata sandi baru untuk Technopark IoT",
            """\
{by} membuat tautan untuk mengatur kata sandi Anda. Tautan hanya berlaku satu kali, sampai {end}:

{link}

Jika Anda tidak memintanya, beri tahu {by}. Kata sandi Anda tetap sama sampai tautan dipakai.
""",
        ),
        "ending": Text(
            "Perjanjian {number} berakhir pada {last_day}",
            """\
{last_day} adalah hari terakhir perjanjian {number}, yang mengizinkan {reader} membaca perangkat {giver}.

Setelah hari itu data tidak dapat dibaca lagi. Untuk melanjutkan, {giver} menawarkan perjanjian baru.
""",  # noqa: E501
        ),
    },
}
EVERYTHING: dict[Language, str] = {"en": "the whole platform", "id": "seluruh platform"}


def invitation(issued: Row, by: str) -> Text:
    """Of an invitation with its link, by somebody's address."""
    language = known(issued["language"])
    place = issued["tenant_id"] or issued["park_id"] or EVERYTHING[language]
    return filled(language, "invitation", issued, by=by, role=issued["role"], place=place)


def reset(issued: Row, by: str, language: Language | None) -> Text:
    """Of a link for another password."""
    return filled(known(language), "reset", issued, by=by)


def ending(notice: Row, language: Language | None) -> Text:
    """Of a warning that an agreement ends."""
    text = TEXTS[known(language)]["ending"]
    reader = notice["reader_tenant_id"] or notice["reader_park_id"] or notice["reader_email"]
    fields = {
        "number": notice["agreement_id"],
        "last_day": notice["last_day"],
        "giver": notice["tenant_id"],
        "reader": reader,
    }
    return Text(text.subject.format(**fields), text.body.format(**fields))


def filled(language: Language, kind: Kind, issued: Row, **fields: str) -> Text:
    """A text about a link."""
    text = TEXTS[language][kind]
    return Text(
        text.subject, text.body.format(link=issued["link"], end=day(issued["expires_at"]), **fields)
    )


def known(language: Language | None) -> Language:
    """The language to write in."""
    return language or "en"


def day(moment: datetime) -> str:
    """A moment in the same form in every language."""
    return f"{moment:%Y-%m-%d %H:%M} UTC"
