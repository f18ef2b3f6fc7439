-- two keys of a partner may be valid at a time, so that a key can be changed without a gap
CREATE TABLE partner_keys (
    key_hash bytea PRIMARY KEY,
    partner_id uuid NOT NULL REFERENCES partners (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz
);
CREATE INDEX ON partner_keys (partner_id);
INSERT INTO partner_keys (key_hash, partner_id) SELECT key_hash, id FROM partners;
-- the column stays for replicas of the version before; nothing reads it any more
ALTER TABLE partners ALTER COLUMN key_hash DROP NOT NULL;
