"""Noticing that work goes nowhere, and that something under it broke."""
