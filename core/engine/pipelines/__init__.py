"""Pipelines in the engine: kept, loaded, steered, told of, shown."""
