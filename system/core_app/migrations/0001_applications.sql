CREATE TABLE applications (
    id uuid PRIMARY KEY,
    client_id uuid NOT NULL,
    client_name text NOT NULL,
    channel text NOT NULL CHECK (channel IN ('web', 'partner')),
    owner text NOT NULL,
    idempotency_key text NOT NULL,
    request_hash bytea NOT NULL,
    vehicle jsonb NOT NULL,
    starts_on date NOT NULL,
    status text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (channel, owner, idempotency_key)
);
CREATE TABLE partners (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    key_hash bytea NOT NULL UNIQUE
);
-- at most PARTNER_PER_MINUTE rows a partner: those that passed in the last minute
CREATE TABLE partner_requests (
    partner_id uuid NOT NULL REFERENCES partners (id),
    at timestamptz NOT NULL
);
CREATE INDEX ON partner_requests (partner_id, at);
