"""The crew in the engine: who works on what, what waits and why, what is locked or voted on."""
