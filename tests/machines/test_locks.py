"""What is built once is built by one run."""

import secrets
import subprocess
import sys
import threading

import pytest

from tdi.machines.locks import only_one

HOLD = """
import sys
from tdi.machines.locks import only_one
with only_one(sys.argv[1], ""):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_what_is_no_lock_held_by_others_is_no_reason_to_wait():
    with pytest.raises(OSError, match="too long"), only_one("a" * 200, ""):
        pass


def test_a_second_process_waits_until_the_first_is_gone_and_says_so(capsys: pytest.CaptureFixture[str]):
    name = secrets.token_hex(8)
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        entered = threading.Event()

        def enter() -> None:
            with only_one(name, "another run builds it"):
                entered.set()

        waiting = threading.Thread(target=enter, daemon=True)
        waiting.start()
        assert not entered.wait(0.3)
        holder.kill()
        assert entered.wait(5)
        waiting.join()
    assert capsys.readouterr().err.count("Waiting: another run builds it") == 1


def test_other_locks_are_not_waited_for_and_a_lock_can_be_taken_again():
    name = secrets.token_hex(8)
    with only_one(name, ""), only_one(f"{name}-other", ""):
        pass
    with pytest.raises(ValueError, match="inside"), only_one(name, ""):
        raise ValueError("inside")
    with only_one(name, ""):
        pass
