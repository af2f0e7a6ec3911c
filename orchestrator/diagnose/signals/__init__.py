"""The statistics rules stand on: one formula, one function, its source in the docstring; one module per subject.

numpy is imported where it is used, so that `check` starts fast. What several rules ask about one case is computed once, in
`diagnose/measured.py`.
"""
