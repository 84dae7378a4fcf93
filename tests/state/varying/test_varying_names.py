"""The shapes of names that vary, and of those that must not be taken for such."""

import pytest

from tdi.state.varying.names import BACKUP, coarse_shape, shape, socket_shape


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("vcl_boot.1795706616.381030", "vcl_boot.1795706699.1"),
        ("_.Stat.085c8dedaf157b53", "_.Stat.9d4e1f0a2b3c4d5e"),
        ("sshd_config.86.2026-11-26@15:16:20~", "sshd_config.1234.2026-01-02@03:04:05~"),
        ("tmp-skacu2ZUra", "tmp-9iDAkyaLCp"),
        ("RABBITYW75AD7W3MCI", "RABBITK7O5QBKZK9K7"),
        ("3c9f6581-be0a-4f0b-8fda-9b2f454c0bf8", "c0cc29ca-ebe5-4a0a-9975-46d543ae4ee2"),
        (
            "/x/3c9f6581-be0a-4f0b-8fda-9b2f454c0bf8/conf.d",
            "/x/c0cc29ca-ebe5-4a0a-9975-46d543ae4ee2/conf.d",
        ),
        ("0000000100000002", "0000000100000013"),
        ("tmp.28aee96555", "tmp.b9c7bd0bbe"),
    ],
)
def test_names_that_vary_have_one_shape(one: str, other: str):
    assert shape(one) == shape(other) != one


@pytest.mark.parametrize("name", ["ib_buffer_pool", "nginx.conf", "README", "main.cf", "facade", "getHostByName"])
def test_words_are_their_own_shape(name: str):
    assert shape(name) == name


@pytest.mark.parametrize(
    ("one", "other"),
    [("undo001", "redo001"), ("a.conf.1", "b.conf.1"), ("x.1.log", "x.1.err"), ("tmp-skacu2ZUra", "old-9iDAkyaLCp")],
)
def test_what_is_not_a_number_or_random_tells_names_apart(one: str, other: str):
    assert shape(one) != shape(other)


def test_random_capitals_without_a_digit_have_the_coarse_shape_of_others():
    assert shape("RABBITSFHJZBOGWXIL") != shape("RABBITYW75AD7W3MCI")
    assert coarse_shape("RABBITSFHJZBOGWXIL") == coarse_shape("RABBITYW75AD7W3MCI")
    assert coarse_shape("a.conf") != coarse_shape("b.conf"), "short words stay"


def test_a_socket_has_its_address_where_that_is_the_same_on_every_machine():
    assert socket_shape("udp 127.0.0.1:846") == socket_shape("udp 127.0.0.1:994")
    assert socket_shape("tcp 172.17.0.2:53") == socket_shape("tcp 172.17.0.4:53")
    addresses = ("127.0.0.1", "0.0.0.0", "[::]", "[::1]", "10.0.0.1")  # noqa: S104 (as they are recorded)
    assert len({socket_shape(f"tcp {address}:80") for address in addresses}) == len(addresses)
    assert socket_shape("unix /run/x.sock") == "unix /run/x.sock"


def test_a_backup_copy_says_of_which_file_it_is():
    assert BACKUP.fullmatch("/etc/ssh/sshd_config.86.2026-11-26@15:16:20~")["of"] == "/etc/ssh/sshd_config"
    assert not BACKUP.fullmatch("/etc/ssh/sshd_config~")
