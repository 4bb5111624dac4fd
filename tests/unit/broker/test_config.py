from pathlib import PurePosixPath

import pytest

from broker.config import BrokerConfig, Durability, Tls, render_acl, render_config

CONFIG = BrokerConfig(folder=PurePosixPath("/mnt/broker"), plugins=PurePosixPath("/usr/lib"))


def listeners(text: str) -> list[str]:
    return [line.split(" ", 1)[1] for line in text.splitlines() if line.startswith("listener ")]


def test_by_default_every_listener_is_on_loopback() -> None:
    assert listeners(render_config(CONFIG)) == ["1883 127.0.0.1", "9001 127.0.0.1"]


def test_tls_is_served_where_there_is_a_certificate() -> None:
    tls = Tls(PurePosixPath("/c.pem"), PurePosixPath("/k.pem"))
    text = render_config(BrokerConfig(CONFIG.folder, CONFIG.plugins, tls=tls))
    assert "8883 127.0.0.1" in listeners(text)
    assert "certfile /c.pem\nkeyfile /k.pem" in text


def test_nobody_is_anonymous_and_a_session_belongs_to_its_user_on_every_listener() -> None:
    text = render_config(CONFIG)
    assert "allow_anonymous false" in text
    assert text.count("use_username_as_clientid true") == len(listeners(text))


@pytest.mark.parametrize(("durability", "sync"), [("kill", "normal"), ("power", "full")])
def test_the_store_is_flushed_before_an_acknowledgement_as_hard_as_asked_for(
    durability: str, sync: str
) -> None:
    text = render_config(
        BrokerConfig(CONFIG.folder, CONFIG.plugins, durability=Durability(durability))
    )
    assert "plugin_opt_flush_period 0" in text
    assert f"plugin_opt_sync {sync}" in text


def test_a_device_may_use_only_topics_below_its_own_name() -> None:
    rules = [line.split() for line in render_acl().splitlines() if line.startswith("pattern")]
    assert len(rules) == 7
    assert all(topic.startswith("devices/%u/") for _, _, topic in rules)
