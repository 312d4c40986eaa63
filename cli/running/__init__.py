"""``quarterdeck run``: one workflow, followed and steered from a terminal or a script."""
