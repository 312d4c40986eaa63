"""Git worktrees of sessions' own: made and undone as sagas, merged under a lock, removed only when nothing is lost."""
