"""Values that look like secrets, and those that do not."""

import pytest

from tdi.collector.redaction import redact


@pytest.mark.parametrize(
    "text",
    [
        "--password=hunter2", "--password hunter2", "--db-password 'hunter2 and more'", "DB_PASSWORD_1=hunter2",
        '{"api_key": "hunter2"}', "Authorization: Bearer hunter2xyz", "postgres://user:hunter2@db/x",
        "curl -u admin:hunter2 https://x", "mysql -uroot -phunter2 db", "secret_token: hunter2",
        "sshpass -p hunter2 ssh x",
    ],
)  # fmt: skip
def test_values_that_look_like_secrets_are_redacted(text):
    assert "hunter2" not in redact("run " + text)
    assert "[redacted]" in redact("run " + text)


@pytest.mark.parametrize("text", ["nginx -p 8080", "tool --pass-through x", "run --user www-data --group x", "a key b"])
def test_other_values_stay(text):
    assert redact(text).replace("[redacted]", "") == text
