"""Workflows: DAGs of tasks, durable, visible, controllable."""
