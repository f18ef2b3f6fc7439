CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    event_id uuid NOT NULL,
    event_type text NOT NULL,
    version integer NOT NULL,
    aggregate_id uuid NOT NULL,
    aggregate_version bigint NOT NULL CHECK (aggregate_version > 0),
    occurred_at timestamptz NOT NULL,
    payload jsonb NOT NULL,
    -- a version that was not given under the aggregate's lock is refused here
    UNIQUE (aggregate_id, aggregate_version)
);
CREATE INDEX outbox_order ON outbox (xid, id);
-- how far each zone's relay is; seen_at tells a zone that is idle from one that is gone
CREATE TABLE outbox_cursors (
    zone text PRIMARY KEY,
    xid xid8 NOT NULL DEFAULT '0',
    id bigint NOT NULL DEFAULT 0,
    seen_at timestamptz NOT NULL DEFAULT now()
);
