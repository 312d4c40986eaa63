-- What an attention item is about where it is no session: a workflow, a task of it, or what ``about`` names.

ALTER TABLE attention_items ADD COLUMN workflow_id TEXT NOT NULL DEFAULT '';
ALTER TABLE attention_items ADD COLUMN task_id TEXT NOT NULL DEFAULT '';
ALTER TABLE attention_items ADD COLUMN about TEXT NOT NULL DEFAULT '';
