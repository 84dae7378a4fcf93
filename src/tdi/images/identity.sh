# What identifies a host, taken from an image: machines that are made of it would share one identity.
# The base image and production images run it; each machine makes its own at its first boot.

: > /etc/machine-id # an empty one: systemd draws it
rm -f /var/lib/dbus/machine-id # a link or a copy of it, which is made anew
# Seed of random numbers, and the key that credentials are encrypted by.
rm -f /var/lib/systemd/random-seed /var/lib/systemd/credential.secret
# Journals are kept under the machine-id, addresses that a network gave under the host's.
rm -rf /var/log/journal/*
rm -f /var/lib/dhcp/*.leases /var/lib/NetworkManager/secret_key /var/lib/systemd/network/*
# Host keys of ssh: who has the image could pose as each of its machines.
rm -f /etc/ssh/ssh_host_*_key /etc/ssh/ssh_host_*_key.pub
