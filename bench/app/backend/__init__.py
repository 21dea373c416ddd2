"""The application that the benchmarks run: bank accounts, and messages in channels."""
