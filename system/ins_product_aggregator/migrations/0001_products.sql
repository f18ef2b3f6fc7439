-- What the insurers sell, as they last said it; `version` counts its changes and is the
-- aggregate_version of the event that told of the last one.
CREATE TABLE products (
    id uuid PRIMARY KEY,
    insurer text NOT NULL,
    code text NOT NULL,
    content jsonb NOT NULL,
    version integer NOT NULL CHECK (version > 0),
    changed_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (insurer, code)
);
-- One row an insurer: when it is to be asked next, and the token of the round that was begun last.
-- Whoever raises the token has the round, whatever replica or zone it stands in; what was
-- collected in an older round is not written any more.
CREATE TABLE rounds (
    insurer text PRIMARY KEY,
    token bigint NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL DEFAULT now()
);
