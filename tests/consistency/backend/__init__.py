"""An application whose every state shows the history that led to it."""
