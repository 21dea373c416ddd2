"""The backend: what the database holds (`schema`) and what clients may call."""
