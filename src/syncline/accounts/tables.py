"""The tables of the identity file. Times are whole seconds since the epoch; `_hash` columns never hold what they hide."""

from __future__ import annotations

FORMAT = 8

SCHEMA = """
CREATE TABLE meta(name TEXT PRIMARY KEY, value TEXT NOT NULL);

CREATE TABLE users(
    id TEXT PRIMARY KEY, external_id TEXT UNIQUE, name TEXT NOT NULL DEFAULT '', picture TEXT NOT NULL DEFAULT '',
    locale TEXT NOT NULL DEFAULT 'en', created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
    signed_in_at INTEGER, banned_at INTEGER, locked_at INTEGER,
    public_metadata TEXT NOT NULL DEFAULT '{}', private_metadata TEXT NOT NULL DEFAULT '{}',
    unsafe_metadata TEXT NOT NULL DEFAULT '{}') WITHOUT ROWID;
CREATE TABLE addresses(
    normal TEXT PRIMARY KEY, user_id TEXT NOT NULL REFERENCES users ON DELETE CASCADE, email TEXT NOT NULL,
    verified_at INTEGER, is_primary INTEGER NOT NULL, created_at INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX addresses_by_user ON addresses(user_id);

CREATE TABLE passwords(
    user_id TEXT PRIMARY KEY REFERENCES users ON DELETE CASCADE, hash TEXT NOT NULL,
    changed_at INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE totps(
    user_id TEXT PRIMARY KEY REFERENCES users ON DELETE CASCADE, secret TEXT NOT NULL, confirmed_at INTEGER,
    last_step INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE TABLE backup_codes(
    user_id TEXT NOT NULL REFERENCES users ON DELETE CASCADE, code_hash BLOB NOT NULL, used_at INTEGER,
    PRIMARY KEY(user_id, code_hash)) WITHOUT ROWID;
CREATE TABLE passkeys(
    id BLOB PRIMARY KEY, user_id TEXT NOT NULL REFERENCES users ON DELETE CASCADE, public_key BLOB NOT NULL,
    sign_count INTEGER NOT NULL, name TEXT NOT NULL, transports TEXT NOT NULL, flagged INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL, used_at INTEGER) WITHOUT ROWID;
CREATE INDEX passkeys_by_user ON passkeys(user_id);
CREATE TABLE connections(
    provider TEXT NOT NULL, subject TEXT NOT NULL, user_id TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
    email TEXT NOT NULL, created_at INTEGER NOT NULL, used_at INTEGER,
    PRIMARY KEY(provider, subject)) WITHOUT ROWID;
CREATE INDEX connections_by_user ON connections(user_id);

CREATE TABLE sessions(
    id TEXT PRIMARY KEY, secret_hash BLOB NOT NULL UNIQUE, user_id TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
    client_id TEXT NOT NULL, created_at INTEGER NOT NULL, seen_at INTEGER NOT NULL, expires_at INTEGER NOT NULL,
    idle_seconds INTEGER NOT NULL, address TEXT NOT NULL, agent TEXT NOT NULL, methods TEXT NOT NULL,
    first_at INTEGER NOT NULL, second_at INTEGER, organization TEXT, actor TEXT,
    ended_at INTEGER, ended_why TEXT) WITHOUT ROWID;
CREATE INDEX sessions_by_user ON sessions(user_id, created_at);
CREATE INDEX sessions_by_end ON sessions(ended_at);
CREATE TABLE refresh_tokens(
    token_hash BLOB PRIMARY KEY, session_id TEXT NOT NULL REFERENCES sessions ON DELETE CASCADE,
    created_at INTEGER NOT NULL, used_at INTEGER) WITHOUT ROWID;
CREATE INDEX refresh_tokens_by_session ON refresh_tokens(session_id);

CREATE TABLE flows(
    id TEXT PRIMARY KEY, purpose TEXT NOT NULL, browser_hash BLOB NOT NULL, user_id TEXT, address TEXT,
    state TEXT NOT NULL, code_hash BLOB, link_hash BLOB, attempts INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, used INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE INDEX flows_by_expiry ON flows(expires_at);
CREATE INDEX flows_by_address ON flows(address, purpose);

CREATE TABLE rates(key BLOB PRIMARY KEY, free_at REAL NOT NULL) WITHOUT ROWID;
CREATE INDEX rates_by_time ON rates(free_at);
CREATE TABLE failures(key BLOB PRIMARY KEY, count INTEGER NOT NULL, since INTEGER NOT NULL, closed_until INTEGER NOT NULL,
    closings INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE signing_keys(
    id TEXT PRIMARY KEY, algorithm TEXT NOT NULL, private TEXT NOT NULL, public TEXT NOT NULL,
    created_at INTEGER NOT NULL, active_at INTEGER NOT NULL, retired_at INTEGER) WITHOUT ROWID;

CREATE TABLE organizations(
    id TEXT PRIMARY KEY, slug TEXT NOT NULL UNIQUE, name TEXT NOT NULL, created_at INTEGER NOT NULL,
    public_metadata TEXT NOT NULL DEFAULT '{}', private_metadata TEXT NOT NULL DEFAULT '{}') WITHOUT ROWID;
CREATE TABLE memberships(
    organization TEXT NOT NULL REFERENCES organizations ON DELETE CASCADE,
    user_id TEXT NOT NULL REFERENCES users ON DELETE CASCADE, role TEXT NOT NULL, created_at INTEGER NOT NULL,
    PRIMARY KEY(organization, user_id)) WITHOUT ROWID;
CREATE INDEX memberships_by_user ON memberships(user_id);
CREATE TABLE invitations(
    id TEXT PRIMARY KEY, normal TEXT NOT NULL, email TEXT NOT NULL,
    organization TEXT REFERENCES organizations ON DELETE CASCADE, role TEXT, ticket_hash BLOB NOT NULL UNIQUE,
    invited_by TEXT, created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, accepted_at INTEGER,
    revoked_at INTEGER) WITHOUT ROWID;
CREATE INDEX invitations_by_address ON invitations(normal);
CREATE TABLE address_rules(pattern TEXT PRIMARY KEY, allowed INTEGER NOT NULL, created_at INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE api_keys(
    id TEXT PRIMARY KEY, secret_hash BLOB NOT NULL UNIQUE, user_id TEXT REFERENCES users ON DELETE CASCADE,
    name TEXT NOT NULL, scopes TEXT NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER, used_at INTEGER,
    revoked_at INTEGER) WITHOUT ROWID;
CREATE INDEX api_keys_by_user ON api_keys(user_id);

CREATE TABLE audit(
    id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, event TEXT NOT NULL, user_id TEXT, actor TEXT,
    address TEXT NOT NULL, agent TEXT NOT NULL, data TEXT NOT NULL);
CREATE INDEX audit_by_user ON audit(user_id, id);
CREATE TABLE mails(
    id INTEGER PRIMARY KEY AUTOINCREMENT, created_at INTEGER NOT NULL, kind TEXT NOT NULL, recipient TEXT NOT NULL,
    subject TEXT NOT NULL, text TEXT NOT NULL, html TEXT NOT NULL, tries INTEGER NOT NULL DEFAULT 0,
    next_at INTEGER, sent_at INTEGER, error TEXT);
CREATE INDEX mails_due ON mails(next_at) WHERE next_at IS NOT NULL;
CREATE TABLE webhooks(
    id TEXT PRIMARY KEY, url TEXT NOT NULL, secret TEXT NOT NULL, events TEXT NOT NULL, created_at INTEGER NOT NULL,
    disabled_at INTEGER) WITHOUT ROWID;
CREATE TABLE deliveries(
    id INTEGER PRIMARY KEY AUTOINCREMENT, webhook TEXT NOT NULL REFERENCES webhooks ON DELETE CASCADE,
    message TEXT NOT NULL, type TEXT NOT NULL, body TEXT NOT NULL, created_at INTEGER NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0, next_at INTEGER, delivered_at INTEGER, error TEXT);
CREATE INDEX deliveries_due ON deliveries(next_at) WHERE next_at IS NOT NULL;
"""

#: Since format 2: whose profile the application's database does not have yet. `number` tells one change from the next.
PROFILE_CHANGES = """
CREATE TABLE profile_changes(user_id TEXT PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;
CREATE TRIGGER profile_added AFTER INSERT ON users BEGIN
    INSERT INTO profile_changes VALUES (new.id, random()) ON CONFLICT(user_id) DO UPDATE SET number = excluded.number;
END;
CREATE TRIGGER profile_changed AFTER UPDATE OF name, picture, locale, public_metadata, updated_at ON users BEGIN
    INSERT INTO profile_changes VALUES (new.id, random()) ON CONFLICT(user_id) DO UPDATE SET number = excluded.number;
END;
CREATE TRIGGER profile_removed AFTER DELETE ON users BEGIN
    INSERT INTO profile_changes VALUES (old.id, random()) ON CONFLICT(user_id) DO UPDATE SET number = excluded.number;
END;
"""

#: Since format 3: programs that ask for a sign-in. `session_id` is whose the request is, `allowed` what it was told.
DEVICE_REQUESTS = """
CREATE TABLE device_requests(
    id TEXT PRIMARY KEY, secret_hash BLOB NOT NULL UNIQUE, code_hash BLOB NOT NULL UNIQUE, name TEXT NOT NULL,
    address TEXT NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, interval INTEGER NOT NULL,
    polled_at INTEGER, user_id TEXT REFERENCES users ON DELETE CASCADE, session_id TEXT, allowed INTEGER,
    used_at INTEGER) WITHOUT ROWID;
CREATE INDEX device_requests_by_expiry ON device_requests(expires_at);
CREATE INDEX device_requests_by_user ON device_requests(user_id);
"""

#: Since format 4: browsers in which somebody signed in before, and which address wrong passwords were for.
KNOWN_DEVICES = """
CREATE TABLE known_devices(
    id TEXT PRIMARY KEY, secret_hash BLOB NOT NULL, user_id TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
    session_id TEXT NOT NULL, network_hash BLOB NOT NULL, created_at INTEGER NOT NULL, seen_at INTEGER NOT NULL,
    UNIQUE(secret_hash, user_id)) WITHOUT ROWID;
CREATE INDEX known_devices_by_user ON known_devices(user_id, network_hash);
CREATE INDEX known_devices_by_session ON known_devices(session_id);
CREATE INDEX known_devices_by_time ON known_devices(seen_at);
ALTER TABLE failures ADD COLUMN about BLOB;
CREATE INDEX failures_by_address ON failures(about);
"""

#: Since format 5: users that became one with others. Documents of the application follow while `next_at` is a time.
MERGES = """
CREATE TABLE merges(
    source TEXT PRIMARY KEY, target TEXT NOT NULL, at INTEGER NOT NULL, actor TEXT, progress TEXT NOT NULL,
    next_at INTEGER, tries INTEGER NOT NULL, error TEXT, done_at INTEGER) WITHOUT ROWID;
CREATE INDEX merges_by_target ON merges(target);
CREATE INDEX merges_due ON merges(next_at) WHERE next_at IS NOT NULL;
"""

#: Since format 6: a device is carried from one network to another, and each of them is its user's.
KNOWN_NETWORKS = """
CREATE TABLE known_networks(
    device TEXT NOT NULL REFERENCES known_devices ON DELETE CASCADE, network_hash BLOB NOT NULL, seen_at INTEGER NOT NULL,
    PRIMARY KEY(device, network_hash)) WITHOUT ROWID;
INSERT INTO known_networks SELECT id, network_hash, seen_at FROM known_devices;
DROP INDEX known_devices_by_user;
ALTER TABLE known_devices DROP COLUMN network_hash;
CREATE INDEX known_devices_by_user ON known_devices(user_id);
"""

#: Since format 7: sessions and API keys whose tokens are refused although they have not expired, and since when.
REVOKED = "CREATE TABLE revoked(id TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;"

#: Since format 8: organisations and memberships that the application's database does not have yet, and what members are
#: whose tokens may say something else (`role` NULL: members no more; `user_id` '': the organisation is gone).
MEMBERSHIP_CHANGES = """
CREATE TABLE organization_changes(organization TEXT PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;
CREATE TRIGGER organization_added AFTER INSERT ON organizations BEGIN
    INSERT INTO organization_changes VALUES (new.id, random())
    ON CONFLICT(organization) DO UPDATE SET number = excluded.number;
END;
CREATE TRIGGER organization_changed AFTER UPDATE ON organizations BEGIN
    INSERT INTO organization_changes VALUES (new.id, random())
    ON CONFLICT(organization) DO UPDATE SET number = excluded.number;
END;
CREATE TRIGGER organization_removed AFTER DELETE ON organizations BEGIN
    INSERT INTO organization_changes VALUES (old.id, random())
    ON CONFLICT(organization) DO UPDATE SET number = excluded.number;
END;
CREATE TABLE membership_changes(
    organization TEXT NOT NULL, user_id TEXT NOT NULL, number INTEGER NOT NULL,
    PRIMARY KEY(organization, user_id)) WITHOUT ROWID;
CREATE TRIGGER membership_added AFTER INSERT ON memberships BEGIN
    INSERT INTO membership_changes VALUES (new.organization, new.user_id, random())
    ON CONFLICT(organization, user_id) DO UPDATE SET number = excluded.number;
END;
CREATE TRIGGER membership_changed AFTER UPDATE ON memberships BEGIN
    INSERT INTO membership_changes VALUES (new.organization, new.user_id, random())
    ON CONFLICT(organization, user_id) DO UPDATE SET number = excluded.number;
END;
CREATE TRIGGER membership_removed AFTER DELETE ON memberships BEGIN
    INSERT INTO membership_changes VALUES (old.organization, old.user_id, random())
    ON CONFLICT(organization, user_id) DO UPDATE SET number = excluded.number;
END;
CREATE TABLE changed_roles(
    organization TEXT NOT NULL, user_id TEXT NOT NULL, role TEXT, at INTEGER NOT NULL,
    PRIMARY KEY(organization, user_id)) WITHOUT ROWID;
CREATE INDEX changed_roles_by_time ON changed_roles(at);
"""

#: Whether anything waits to be handed on to the application's database.
ANY_CHANGE = (
    "SELECT 1 FROM profile_changes UNION ALL SELECT 1 FROM organization_changes "
    "UNION ALL SELECT 1 FROM membership_changes LIMIT 1"
)

#: What a file of the newest format has.
NEWEST = "".join(
    (
        SCHEMA,
        PROFILE_CHANGES,
        DEVICE_REQUESTS,
        KNOWN_DEVICES,
        MERGES,
        KNOWN_NETWORKS,
        REVOKED,
        MEMBERSHIP_CHANGES,
    )
)

#: What a file of an older format lacks, by that format.
UPGRADES = {
    1: (PROFILE_CHANGES, "INSERT INTO profile_changes SELECT id, random() FROM users"),
    2: (DEVICE_REQUESTS,),
    3: (KNOWN_DEVICES,),
    4: (MERGES,),
    5: (KNOWN_NETWORKS,),
    6: (REVOKED, "INSERT INTO revoked SELECT id, ended_at FROM sessions WHERE ended_at IS NOT NULL"),
    7: (
        MEMBERSHIP_CHANGES,
        "INSERT INTO organization_changes SELECT id, random() FROM organizations",
        "INSERT INTO membership_changes SELECT organization, user_id, random() FROM memberships",
    ),
}
