-- who collects the offers of an application; its lease is one row a replica, not one an application
CREATE TABLE collectors (
    id uuid PRIMARY KEY,
    alive_until timestamptz NOT NULL
);
-- null: nobody yet (kept before there were offers, or by a replica of that time)
ALTER TABLE applications ADD COLUMN collector uuid;
CREATE INDEX applications_collecting ON applications (collector) WHERE status = 'ACCEPTED';
CREATE INDEX applications_of_client ON applications (client_id, id DESC) WHERE channel = 'web';

-- no foreign key: it would lock the application's row once for each offer at the peak
CREATE TABLE offers (
    id uuid PRIMARY KEY,
    application_id uuid NOT NULL,
    insurer text NOT NULL,
    product_code text NOT NULL,
    premium numeric(14, 2) NOT NULL,
    currency text NOT NULL,
    valid_until timestamptz NOT NULL,
    received_at timestamptz NOT NULL
);
CREATE INDEX ON offers (application_id);

CREATE TABLE policies (
    id uuid PRIMARY KEY,
    number text NOT NULL UNIQUE,
    application_id uuid NOT NULL UNIQUE REFERENCES applications (id),
    offer_id uuid NOT NULL,
    client_id uuid NOT NULL,
    channel text NOT NULL CHECK (channel IN ('web', 'partner')),
    owner text NOT NULL,
    idempotency_key text NOT NULL,
    insurer text NOT NULL,
    product_id uuid,
    premium numeric(14, 2) NOT NULL,
    currency text NOT NULL,
    starts_on date NOT NULL,
    issued_at timestamptz NOT NULL,
    UNIQUE (channel, owner, idempotency_key)
);
CREATE INDEX policies_of_client ON policies (client_id, id DESC) WHERE channel = 'web';

-- the local copy of what products.updated.v1 tells
CREATE TABLE products (
    id uuid PRIMARY KEY,
    insurer text NOT NULL,
    code text NOT NULL,
    name text NOT NULL,
    kind text NOT NULL,
    base_rate numeric NOT NULL,
    active boolean NOT NULL,
    valid_from date NOT NULL,
    version bigint NOT NULL
);
CREATE INDEX ON products (insurer, code);
