"""Mails: written into an outbox within the transaction that wants them sent, and sent by a task of its own."""
