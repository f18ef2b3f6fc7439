-- what was applied, by event; pruned by age
CREATE TABLE inbox (
    event_id uuid PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX inbox_age ON inbox (at);
-- how far each aggregate is; kept, so that a copy older than the inbox still does nothing
CREATE TABLE inbox_versions (
    aggregate_id uuid PRIMARY KEY,
    version bigint NOT NULL
);
-- events that came before their predecessor
CREATE TABLE inbox_waiting (
    aggregate_id uuid NOT NULL,
    aggregate_version bigint NOT NULL,
    event jsonb NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (aggregate_id, aggregate_version)
);
