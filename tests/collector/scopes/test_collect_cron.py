"""cron."""

import pytest
from by_program import collect, write


def test_cron_jobs_of_the_system_and_of_users(root):
    write(
        root,
        "/etc/cron.d/job",
        "MAILTO=ops@example\nAPI_TOKEN=abc123\n*/5 *  * * * root  /bin/job --password hunter2\n",
    )
    write(root, "/etc/cron.d/job.bak", "@daily root /bin/old\n")
    write(root, "/var/spool/cron/crontabs/alice", "@reboot /home/alice/start\n")
    write(root, "/etc/cron.daily/script", "#!/bin/sh\n", 0o755)
    found = collect(root, scopes=["cron"])["cron"]["objects"]
    job = found["/etc/cron.d/job: */5 * * * * root /bin/job --password [redacted]"]
    assert (job["schedule"], job["user"]) == ("*/5 * * * *", "root")
    assert "ignored" in found["/etc/cron.d/job.bak: @daily root /bin/old"]
    assert found["/var/spool/cron/crontabs/alice: @reboot alice /home/alice/start"]["user"] == "alice"
    assert found["script:/etc/cron.daily/script"] == {"period": "daily", "runs": True}
    assert "/etc/cron.d/job: MAILTO=ops@example" in found
    assert "/etc/cron.d/job: API_TOKEN=[redacted]" in found


def test_a_cron_job_that_stands_there_twice_runs_twice(root):
    write(root, "/etc/cron.d/job", "@daily root /bin/once\n" + "@daily root /bin/twice\n" * 2)
    found = collect(root, scopes=["cron"])["cron"]["objects"]
    assert "times" not in found["/etc/cron.d/job: @daily root /bin/once"]
    assert found["/etc/cron.d/job: @daily root /bin/twice"]["times"] == 2


@pytest.mark.parametrize("line", ["17 *\t* * *\troot\tcd / && run-parts /x", "17 * * * * root   cd / && run-parts /x"])
def test_tabs_and_blanks_part_the_columns_of_a_crontab(root, line):
    write(root, "/etc/crontab", f"{line}\n")
    assert collect(root, scopes=["cron"])["cron"]["objects"] == {
        "/etc/crontab: 17 * * * * root cd / && run-parts /x": {
            "file": "/etc/crontab",
            "schedule": "17 * * * *",
            "user": "root",
            "command": "cd / && run-parts /x",
        }
    }
