"""The record of live traffic."""
