# What a machine has of its own life, taken from an image: what identifies a host, logs, caches, temporary files.
# The base image and production images run it; each machine makes its own from its first boot on.

: > /etc/machine-id # an empty one: systemd draws it
rm -f /var/lib/dbus/machine-id # a link or a copy of it, which is made anew
# Seed of random numbers, and the key that credentials are encrypted by.
rm -f /var/lib/systemd/random-seed /var/lib/systemd/credential.secret
# Journals are kept under the machine-id, addresses that a network gave under the host's.
rm -rf /var/log/journal/*
rm -f /var/lib/dhcp/*.leases /var/lib/NetworkManager/secret_key /var/lib/systemd/network/*
# Host keys of ssh: who has the image could pose as each of its machines.
rm -f /etc/ssh/ssh_host_*_key /etc/ssh/ssh_host_*_key.pub

# Logs are emptied, not removed: a service may want its own, with its owner and mode. What was rotated away goes.
find /var/log -xdev -regextype posix-extended -type f \
  -regex '/var/log/.+(\.[0-9]+|-[0-9]{8})(\.(gz|xz|zst|bz2))?' -delete
find /var/log -xdev -type f -size +0 -exec truncate --size 0 {} +
# What every machine makes anew. A user's ~/.cache stays: it is compared, and only what wrote it can write it again.
rm -f /var/cache/apt/*.bin /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*
find /tmp /var/tmp -xdev -mindepth 1 -delete
rm -rf /root/.ansible/tmp /home/*/.ansible/tmp
