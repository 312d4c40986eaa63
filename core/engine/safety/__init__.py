"""What the engine's work is held against: rules, breakers, limits, budgets, the halt."""
