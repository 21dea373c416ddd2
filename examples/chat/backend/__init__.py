"""The backend of the chat: what the database holds (`schema`) and what clients may call."""
