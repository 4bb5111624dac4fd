"""Broker and registry over time: who is connected, what goes through, what waits."""

from __future__ import annotations

from grafana_foundation_sdk.builders import timeseries

from dashboards.defaults import bars
from dashboards.health.lines import lines, over_time
from dashboards.health.vitals import growing, of, sampled


def panels() -> list[timeseries.Panel]:
    """Rows of three."""
    return [
        clients(), messages(), traffic(),
        kept(), memory(), connects(),
        pool(), queue(), mails(),
    ]  # fmt: skip


def clients() -> timeseries.Panel:
    """Who is connected."""
    return lines(
        "Clients of the broker",
        "Connected clients, and sessions with those that are away; ingest and the registry are "
        "among them. Many connections lost at once: the network, the broker's host or its "
        "certificate.",
        "short",
        over_time(
            """max(value) FILTER (WHERE name = 'clients_connected') AS "Connected",
  max(value) FILTER (WHERE name = 'clients') AS "Sessions\"""",
            sampled(of("broker", "clients_connected", "clients")),
        ),
    )


def messages() -> timeseries.Panel:
    """What the broker takes and gives."""
    return lines(
        "Messages of the broker",
        "Published to the broker, sent to subscribers, and dropped because a subscriber's queue "
        "was full. Sent is more than received where several subscribe. Dropped: see the number "
        "at the top.",
        "suffix:/s",
        over_time(
            """sum(rate) FILTER (WHERE name = 'received_messages') AS "Published",
  sum(rate) FILTER (WHERE name = 'sent_messages') AS "Sent",
  sum(rate) FILTER (WHERE name = 'dropped_messages') AS "Dropped\"""",
            growing(of("broker", "received_messages", "sent_messages", "dropped_messages")),
        ),
    )


def traffic() -> timeseries.Panel:
    """What goes over the network."""
    return lines(
        "Traffic of the broker",
        "Bytes of all packets, in and out, for each second. Compare it with the line of the "
        "technopark: at its limit devices are slow and lose their connections.",
        "Bps",
        over_time(
            """sum(rate) FILTER (WHERE name = 'received_bytes') AS "In",
  sum(rate) FILTER (WHERE name = 'sent_bytes') AS "Out\"""",
            growing(of("broker", "received_bytes", "sent_bytes")),
        ),
    )


def kept() -> timeseries.Panel:
    """What the broker keeps."""
    return lines(
        "Messages in the broker",
        "Messages that wait for a subscriber, and retained ones. A few wait at any moment; a "
        "line that rises means that ingest is away or too slow, see its lag and its journal.",
        "short",
        over_time(
            """max(value) FILTER (WHERE name = 'stored_messages')
    - max(value) FILTER (WHERE name = 'retained_messages') AS "Waiting",
  max(value) FILTER (WHERE name = 'retained_messages') AS "Retained\"""",
            sampled(of("broker", "stored_messages", "retained_messages")),
        ),
    )


def memory() -> timeseries.Panel:
    """What the broker needs."""
    return lines(
        "Memory of the broker",
        "Memory in use, the most that was, and the size of the messages in it. When too much "
        "waits (“TECHNOPARK_BROKER_MEMORY”) devices are held back: get ingest or the database to "
        "work again.",
        "bytes",
        over_time(
            """max(value) FILTER (WHERE name = 'heap_bytes') AS "In use",
  max(value) FILTER (WHERE name = 'heap_peak_bytes') AS "Most so far",
  max(value) FILTER (WHERE name = 'stored_bytes') AS "Messages\"""",
            sampled(of("broker", "heap_bytes", "heap_peak_bytes", "stored_bytes")),
        ),
    )


def connects() -> timeseries.Panel:
    """Who comes again and again."""
    return lines(
        "New connections to the broker",
        "Connections that began in a minute. More than some, while the number of clients stays: "
        "devices come and go, by a weak network, a wrong secret or two devices with one id.",
        "suffix:/min",
        over_time('max(value) AS "New connections"', sampled(of("broker", "connects_per_minute"))),
    )


def pool() -> timeseries.Panel:
    """The connections of the API."""
    return lines(
        "Registry's connections to the database",
        "Connections of the registry's pool, of those free, and requests that wait for one. If "
        "requests wait, people wait: find the slow queries, or give the registry more "
        "connections.",
        "short",
        over_time(
            """max(value) FILTER (WHERE name = 'database_connections') AS "Connections",
  max(value) FILTER (WHERE name = 'database_connections_free') AS "Free",
  max(value) FILTER (WHERE name = 'database_waiting_requests') AS "Waiting requests\"""",
            sampled(
                of(
                    "registry",
                    "database_connections",
                    "database_connections_free",
                    "database_waiting_requests",
                )
            ),
        ),
    )


def queue() -> timeseries.Panel:
    """What the registry has to send."""
    return lines(
        "Waiting in the registry",
        "Messages on the way to the broker (telemetry by HTTP, commands, replays), and mails that "
        "wait. Messages that wait long: the broker is away. Mails: the mail server is.",
        "short",
        over_time(
            """max(value) FILTER (WHERE name = 'queue_messages') AS "Messages",
  max(value) FILTER (WHERE name = 'mails_waiting') AS "Mails\"""",
            sampled(of("registry", "queue_messages", "mails_waiting")),
        ),
    )


def mails() -> timeseries.Panel:
    """What became of mails."""
    return bars(
        lines(
            "Mails",
            "Mails that the mail server took, that it refused, and that were given up, in each "
            "point of time. Refused or given up: an address is wrong, or the server was away for "
            "too long; the registry's log names them.",
            "short",
            over_time(
                """sum(growth) FILTER (WHERE name = 'mails.sent') AS "Sent",
  sum(growth) FILTER (WHERE name = 'mails.refused') AS "Refused",
  sum(growth) FILTER (WHERE name = 'mails.expired') AS "Given up\"""",
                growing(of("registry", "mails.sent", "mails.refused", "mails.expired")),
            ),
        )
    )
