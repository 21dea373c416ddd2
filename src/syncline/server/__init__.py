"""From settings to a running server: the composition root, the serving process and its supervisor."""
