"""What data says in words, in the reader's language: findings, cases, visits, names of measurements.

Records hold kinds, codes and numbers; every sentence about them is made here. Sentences put a name and
a colon rather than a name and a verb where languages would need the name's gender.
"""
