"""Formats that others made up, and that the standard library does not read: keys of OpenPGP, certificates of X.509.

Their bytes are parsed as root on the machine, though whoever may write below /etc could have made them to do harm. The
other way would be to carry the bytes and to parse them where records are compared. It was weighed, and is not taken:

- A private key must not leave the machine. Whether it fits a certificate can be found out only where it is.
- Objects are keyed by what is parsed (the fingerprint of a key), and a record is copied as a stream, sorted by its
  keys. With bytes in it, each reader of a record would have to parse them, and for a fleet host by host.
- The keys of Debian's archive are 76 kB of text. A record of 2.4 MB would have them for nine fingerprints and dates.

So what parses them is bounded instead. It is Python, in the process for small scopes, which has a time for each scope,
and costs nothing but scopes where it ends. It reads 4 MiB of a file at most, each byte a few times: no pattern goes
back and forth, nothing nests deeper than the format does, no number is longer than it can be. Bytes that are nothing
raise IndexError or ValueError, if anything (`tests/collector/test_formats.py`).
"""
