"""Looks at live traffic and judges the requirements that can be measured there."""
