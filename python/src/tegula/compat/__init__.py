"""Tegula under the names of other packages, for notebooks that exist already."""
