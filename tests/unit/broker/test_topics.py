import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.topics import COMMAND_ID, DEVICE_ID, WITH_COMMAND, Channel, InvalidTopicError, Topic

device_ids = st.from_regex(DEVICE_ID, fullmatch=True)
command_ids = st.from_regex(COMMAND_ID, fullmatch=True)


@given(device_ids, st.sampled_from(Channel), command_ids)
def test_a_topic_is_the_one_that_its_text_names(device: str, channel: Channel, cid: str) -> None:
    topic = Topic(device, channel, cid if channel in WITH_COMMAND else None)
    assert Topic.parse(str(topic)) == topic


@pytest.mark.parametrize(
    "text",
    [
        "",
        "devices",
        "devices/dev-a",
        "devices/dev-a/telemetry/",
        "devices/dev-a/weather",
        "devices/Dev/telemetry",
        "devices/-dev/telemetry",
        "devices/ab/telemetry",
        "devices/+/telemetry",
        "devices/dev-a/commands/a b",
        "devices/dev-a/commands",
        "devices/dev-a/reply",
        "other/dev-a/telemetry",
        "devices/" + "a" * 64 + "/telemetry",
        "devices/dev-a\n/telemetry",
    ],
)
def test_what_breaks_the_contract_is_no_topic(text: str) -> None:
    with pytest.raises(InvalidTopicError):
        Topic.parse(text)


def test_only_commands_and_replies_take_a_command_id() -> None:
    with pytest.raises(InvalidTopicError):
        Topic("dev-a", Channel.TELEMETRY, "1")
    with pytest.raises(InvalidTopicError):
        Topic("dev-a", Channel.COMMANDS)
