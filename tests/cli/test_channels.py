"""Who is told of trouble, as a configuration says it."""

from pathlib import Path

import pytest

from pgheadroom import config, config_file
from pgheadroom.errors import ConfigError
from pgheadroom.model.finding import Severity
from pgheadroom.model.notification import Channel, QuietHours, Timing

TOKEN = "s3cr3t-t0ken"
CHANNEL = f'[channels.mail]\nurl = "mailto://me:{TOKEN}@example.com"\n'
FILE = f"""
notify = ["mail"]
notify_when = {{ quiet_hours = "22:00-7:30", severity = "critical" }}
{CHANNEL}
[channels.pager]
notify_command = ["/usr/bin/page", "--token", "{TOKEN}"]
[channels.chat]
url_file = "chat.url"
[targets.shop]
notify = ["pager", "mail", "pager"]
notify_command = ["cat"]
notify_when = {{ calm_seconds = "5m", severity = "notice", most_per_hour = 3 }}
[targets.other]
"""


def test_channels_have_names_and_a_target_says_which_are_told_and_when() -> None:
    read = config_file.parse(FILE, "c.toml")
    assert read.channels["mail"] == Channel("mail", f"mailto://me:{TOKEN}@example.com")
    assert read.channels["pager"].command == ("/usr/bin/page", "--token", TOKEN)
    shop, other = (config.settle(read.general, read.targets[name]) for name in ("shop", "other"))
    assert (shop.notify, shop.notify_command) == (("pager", "mail"), ("cat",))
    hours = QuietHours(22 * 60, 7 * 60 + 30)
    assert shop.timing == Timing(Severity.NOTICE, calm_seconds=300, most_per_hour=3, quiet_hours=hours)
    assert (other.notify, other.notify_command) == (("mail",), ())
    assert other.timing == Timing(Severity.CRITICAL, quiet_hours=hours)
    assert TOKEN not in repr((read, shop, other))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            f'notify = ["slack://{TOKEN}/a/b"]',
            "line 1: notify: is for names; a URL belongs into the table of a channel",
        ),
        ('notify = ["chat"]\n' + CHANNEL, "line 1: notify: 'chat' is no channel; there are mail"),
        (f'[targets.a]\nnotify = ["{TOKEN[:2]}"]', "line 2: targets.a.notify: 's3' is no channel; there are none"),
        ("notify = 'mail'", "notify: must be a list of names"),
        ("notify_command = 'page dba'", "must be a list of a program and its arguments"),
        ("notify_command = []", "must be a list of a program and its arguments"),
        (f'[channels.mail]\nurl = "{TOKEN}"', "line 1: channels.mail: url is none: 'mailto://...'"),
        (f'[channels.mail]\nurl = ["{TOKEN}"]', "line 1: channels.mail: url must be a text"),
        (f'{CHANNEL}url_file = "x"', "line 1: channels.mail: must have exactly one of url, url_file, notify_command"),
        ('[channels.command]\nurl = "a://b"', "a channel's name has letters"),
        ('[channels]\n"a b" = {url = "a://b"}', "a channel's name has letters"),
        (f'channels = "{TOKEN}"', r"must be tables, for instance \[channels.mail\]"),
        ('notify_when = {quiet_hours = "25:00-1:00"}', "notify_when.quiet_hours: must be hours of the day like"),
        ("notify_when = {calm = 3}", "notify_when.calm: is not a setting; allowed: severity, lasting_seconds"),
        ("notify_when = {severity = 'bad'}", "severity: must be one of critical, warning, notice"),
        ("notify_when = {most_per_hour = 0}", "must be a number from 1 to 1000"),
        ("notify_when = {calm_seconds = true}", "must be seconds, or a duration"),
    ],
)
def test_a_mistake_says_where_it_is_and_never_quotes_what_may_be_secret(text: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told) as raised:
        config_file.parse(text, "c.toml")
    assert TOKEN not in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(("mode", "exposed"), [(0o600, False), (0o644, True), (0o604, True)])
def test_it_is_known_whether_others_read_the_file(tmp_path: Path, mode: int, exposed: bool) -> None:
    path = tmp_path / "c.toml"
    path.write_text(CHANNEL)
    path.chmod(mode)
    assert config_file.load(str(path), {}).exposed == (str(path) if exposed else "")
