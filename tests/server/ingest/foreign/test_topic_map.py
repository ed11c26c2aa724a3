import pytest

from server.ingest.foreign.topic_map import FORMATS, TopicMap, load_topic_map
from server.kit.errors import ConfigurationError
from tests.conftest import ROOT


def loaded(tmp_path, text: str) -> TopicMap:
    file = tmp_path / "topics.toml"
    file.write_text(text)
    return load_topic_map(file)


def test_no_file_means_no_foreign_topics(tmp_path):
    assert load_topic_map(tmp_path / "none.toml").rules == ()


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("[[topic]\n", "line 1", "Expected"),
        ("[topic]\n", "", "write [[topic]]"),
        ("topic = 3\n", "", "write [[topic]]"),
        ("[[topics]]\n", "", "unknown key 'topics'"),
        ("[[topic]]\n", "line 1", "format: must be one of json, value"),
        ('[[topic]]\nformat = "modbus"\n', "line 2", "format: must be one of"),
        ('\n# two\n[[topic]]\nformat = "json"\n', "line 3", "filter: is missing"),
        ('[[topic]]\nformat = "json"\nfilter = "a/{device}"\npath = "x"\n', "line 4", "is no key"),
        ('[[topic]]\nformat = "tasmota"\n[[topic]]\nformat = "value"\nfilter = "#"\n', "line 5", ""),
        ('[[topic]]\nformat = "json"\nfilter = "devices/{device}/x"\n', "line 3", "not devices"),
        ('[[topic]]\nformat = "json"\nfilter = "$SYS/{device}"\n', "line 3", "own"),
        ('[[topic]]\nformat = "json"\nfilter = "a/#/{device}"\n', "line 3", "'#'"),
        ('[[topic]]\nformat = "json"\nfilter = "a/x{device}"\n', "line 3", "'x{device}'"),
        ('[[topic]]\nformat = "json"\nfilter = "a/{device}/{device}"\n', "line 3", "twice"),
        ('[[topic]]\nformat = "json"\nfilter = "a/+"\n', "line 1", "{device} is captured by nothing"),
        ('[[topic]]\nformat = "json"\nfilter = 3\n', "line 3", "must be a text"),
        (
            '[[topic]]\nformat = "json"\nfilter = "a/{device}"\n[topic.values]\n"Oil T" = "x"\n',
            "line 1", "'Oil T'",
        ),
        (
            '[[topic]]\nformat = "json"\nfilter = "a/{device}"\nvalues = { t = "a..b" }\n',
            "line 4", "not a path",
        ),
        ('[[topic]]\nformat = "json"\nfilter = "a/{device}"\ntime = ""\n', "line 4", "not a path"),
        ('[[topic]]\nformat = "tasmota"\ntimezone = "Mars/Base"\n', "line 3", "no time zone"),
        ('[[topic]]\nformat = "tasmota"\nfilter = "tele/{device}/#"\n', "line 3", "{leaf}"),
        ('[[topic]]\nformat = "tasmota"\nunits = { power = "a b" }\n', "line 3", "visible ASCII"),
        ('[[topic]]\nformat = "tasmota"\nskip = "x"\n', "line 3", "list of texts"),
        ('[[topic]]\nformat = "sparkplug"\nfilter = "spAv1.0/#"\n', "line 3", "spBv1.0/"),
        ('[[topic]]\nformat = "zigbee2mqtt"\ndevice = "all"\n', "line 3", "tell the devices apart"),
        ('[[topic]]\nformat = "homeassistant"\nstates = ["{x}/#"]\n', "line 3", "wildcard"),
        ('[[topic]]\nformat = "value"\nfilter = "a/{device}"\n', "line 1", "name the metric"),
    ],
)  # fmt: skip
def test_a_wrong_map_is_refused_with_line_and_reason(tmp_path, text, line, reason):
    with pytest.raises(ConfigurationError) as refused:
        loaded(tmp_path, text)
    assert str(tmp_path / "topics.toml") in refused.value.message
    assert line in refused.value.message
    assert reason in refused.value.message


def test_the_first_row_that_fits_decides_and_captures(tmp_path):
    topics = loaded(
        tmp_path,
        '[[topic]]\nformat = "ignore"\nfilter = "a/+/debug"\n'
        '[[topic]]\nformat = "value"\nfilter = "a/{device}/{metric}"\n'
        '[[topic]]\nformat = "zigbee2mqtt"\n',
    )

    def found(topic):
        match = topics.find(topic)
        return match and (match[0].format, match[1])

    assert found("a/x/debug") == ("ignore", {})
    assert found("a/x/power") == ("value", {"device": "x", "metric": "power"})
    assert found("a/x") is None
    assert found("a/x/y/z") is None
    assert found("a//power") is None
    assert found("zigbee2mqtt") == ("zigbee2mqtt", {"rest": ""})
    assert found("zigbee2mqtt/a/b") == ("zigbee2mqtt", {"rest": "a/b"})
    assert found("zigbee2mqttx") is None


def test_subscriptions_cover_every_row_and_never_overlap(tmp_path):
    topics = loaded(
        tmp_path,
        '[[topic]]\nformat = "tasmota"\n'
        '[[topic]]\nformat = "ignore"\nfilter = "a/+/debug"\n'
        '[[topic]]\nformat = "json"\nfilter = "a/{device}"\n'
        '[[topic]]\nformat = "homeassistant"\nstates = ["esphome/#"]\n',
    )
    assert topics.subscriptions() == ["a/#", "esphome/#", "homeassistant/#", "tele/+/+"]
    assert topics.roots() == ["a", "esphome", "homeassistant", "tele"]


def test_every_format_is_in_the_how_to():
    page = (ROOT / "docs" / "how-to" / "bring-a-foreign-device.md").read_text("utf-8")
    assert [name for name in FORMATS if f"`{name}`" not in page] == []
