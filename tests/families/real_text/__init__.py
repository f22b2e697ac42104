"""Real sentences through small models of every family, beside the family's own library.

`python -m tests.families.real_text DATA` prints a table; see docs/models-verified.md. Knows the
makers that the tests of `tests.families` have, and no model that anybody published.
"""
