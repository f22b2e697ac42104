"""`dragoman calibrate`: finds out how good a model's translations are where it is how sure.

Knows sentences with translations made by people, and how a bundle's calibration is fitted to them
and written. Does not know calls: what the figures are used for is the service's.
"""
