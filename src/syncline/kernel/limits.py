"""Every bound of the system, in one place. Each is reported by name when it is hit."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import LimitError

MiB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds with their defaults. Sizes are bytes, times are seconds unless the name says otherwise."""

    # Values
    document_bytes: int = 1 * MiB
    document_nesting: int = 16
    value_nesting: int = 64
    array_items: int = 8192
    object_fields: int = 1024

    # One query or mutation, with all that it calls
    argument_bytes: int = 16 * MiB
    argument_values: int = 500_000
    result_bytes: int = 16 * MiB
    read_bytes: int = 16 * MiB
    read_documents: int = 32_000
    read_ranges: int = 4_096
    write_bytes: int = 16 * MiB
    write_documents: int = 16_000
    rule_ranges: int = 100
    call_depth: int = 8
    run_seconds: float = 1.0
    action_seconds: float = 600.0
    action_step_seconds: float = 5.0  # without awaiting, in an `async def`: it holds up all others
    log_lines: int = 256
    log_line_bytes: int = 32_768

    # The commit lane
    lane_queue: int = 10_000
    batch_mutations: int = 256
    batch_bytes: int = 16 * MiB
    actions_running: int = 256
    actions_queued: int = 1_000
    process_workers: int = 0  # as many as there are processors
    process_memory_bytes: int = 4 * 1024 * MiB
    function_statistics: int = 10_000

    # Scheduled functions
    scheduled_functions: int = 1_000  # by one mutation
    scheduled_argument_bytes: int = 4 * MiB
    scheduled_bytes: int = 8 * MiB  # by one mutation
    scheduled_pending: int = 1_000_000
    scheduled_mutations_running: int = 64
    scheduled_actions_running: int = 64
    scheduled_queued: int = 1_000
    workflow_steps: int = 1_000
    scheduled_kept_seconds: float = 7 * 24 * 3600.0
    system_document_bytes: int = 8 * MiB

    # Live queries and sessions
    session_queries: int = 512
    session_query_changes: int = 12_000  # per minute
    session_argument_bytes: int = 32 * MiB
    session_mutations: int = 1_000
    session_actions: int = 1_000
    session_unsent_bytes: int = 8 * MiB
    session_requests_kept: int = 1_000
    session_requests_seconds: float = 24 * 3600.0
    frame_bytes_before_connect: int = 64 * 1024
    frame_bytes: int = 16 * MiB + 2048
    connect_seconds: float = 120.0
    chunk_bytes: int = 5_000_000
    cache_bytes: int = 128 * MiB
    document_cache_bytes: int = 128 * MiB
    commit_window_bytes: int = 64 * MiB
    commit_window_seconds: float = 3600.0
    read_pin_seconds: float = 30.0
    read_pins: int = 16

    # Full-text search
    search_results: int = 1_024
    search_backlog: int = 20_000
    nearest_results: int = 256

    # Environment variables that are set while the server runs
    environment_variables: int = 1_000
    environment_name_length: int = 256
    environment_value_bytes: int = 8_192

    # The record of calls
    log_entries: int = 10_000
    log_bytes: int = 16 * MiB

    # Identity
    verified_tokens: int = 20_000
    session_authentications: int = 30  # per minute
    user_calls: int = 6_000  # per minute
    anonymous_calls: int = 12_000  # per minute and network address
    counted_callers: int = 20_000
    identity_requests: int = 1_000  # waiting for the identity file
    password_hashes: int = 64  # waiting for a thread
    outgoing_requests: int = 100  # to other services, waiting for a thread
    sign_in_flows: int = 100_000
    rate_limit_entries: int = 200_000
    mails_waiting: int = 10_000
    webhooks_waiting: int = 100_000

    # Imports
    import_bytes: int = 64 * 1024 * MiB  # of a file that is uploaded to a server
    import_unpacked_bytes: int = 256 * 1024 * MiB  # of all that is in a ZIP

    # HTTP
    body_bytes: int = 16 * MiB + 2000
    route_body_bytes: int = 20 * MiB
    mount_body_bytes: int = 100 * MiB
    mount_requests: int = 256

    # Files
    file_bytes: int = 5 * 1024 * MiB
    file_threads: int = 8
    uploads_running: int = 64
    image_bytes: int = 32 * MiB
    image_pixels: int = 50_000_000
    image_cache_bytes: int = 32 * MiB
    connections: int = 20_000
    connections_per_address: int = 1_000

    def check(self, name: str, used: int, remedy: str) -> None:
        """Raise LimitError when `used` is above the limit `name`."""
        limit: int = getattr(self, name)
        if used > limit:
            raise LimitError(f"{name.replace('_', ' ')}: {used:,} used, the limit is {limit:,}. {remedy}")
