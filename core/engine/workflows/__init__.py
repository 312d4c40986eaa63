"""Workflows in the engine: run, observed, told, asked about, started by the clock."""
