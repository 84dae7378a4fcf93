"""What varies: differences that say nothing about production, taken out of the findings and listed apart.

Witnesses say that something varies, and each says why:

- a *twin*, another new machine that was taken through the same steps: what differs between two new machines;
- *later*, the record of one machine a little later, while nobody acted: what changes by itself;
- *data*, the machine itself: what a running service writes (`data_of` in a record), whoever looked when.

They take as little as possible: the attribute that varies, never what an object is, whose it is and who may read it.
Names that vary are compared as a set. What two new machines differ in beyond that is a finding: what makes it is not
steady.
"""
