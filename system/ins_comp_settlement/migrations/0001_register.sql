-- The service's own copy of products: which commission is in force.
CREATE TABLE products (
    product_id uuid PRIMARY KEY,
    insurer text NOT NULL,
    code text NOT NULL,
    commission_percent numeric(9, 6) NOT NULL,
    active boolean NOT NULL,
    version integer NOT NULL
);
-- Which commission was in force when, in the order in which the changes were applied here.
CREATE TABLE commission_history (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    product_id uuid NOT NULL REFERENCES products (product_id),
    version integer NOT NULL,
    commission_percent numeric(9, 6) NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON commission_history (product_id, number);
-- What is owed to an insurer for one policy. `month` is the first day of the month that it is
-- settled in; `late_for` that of the month it was issued in, where that one was closed before.
CREATE TABLE entries (
    id uuid PRIMARY KEY,
    policy_id uuid NOT NULL CONSTRAINT settled_once UNIQUE,
    insurer text NOT NULL,
    month date NOT NULL CHECK (extract(day FROM month) = 1),
    late_for date CHECK (late_for < month),
    premium numeric(14, 2) NOT NULL CHECK (premium >= 0),
    currency text NOT NULL,
    commission_percent numeric(9, 6) NOT NULL,
    owed numeric(14, 2) NOT NULL,
    issued_at timestamptz NOT NULL,
    booked_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON entries (insurer, month, id);
CREATE INDEX ON entries (month, id);
CREATE TABLE closed_months (
    month date PRIMARY KEY CHECK (extract(day FROM month) = 1),
    closed_at timestamptz NOT NULL DEFAULT now(),
    closed_by text NOT NULL
);
-- The last word on "a closed month never changes", whatever the program believes: what stands in
-- the register stays as it is, and nothing is added to a month that is closed.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        RAISE EXCEPTION 'the register is only ever added to' USING ERRCODE = 'restrict_violation';
    END IF;
    IF EXISTS (SELECT 1 FROM closed_months WHERE month = NEW.month) THEN
        RAISE EXCEPTION 'month % is closed', NEW.month USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER stays BEFORE INSERT OR UPDATE OR DELETE ON entries
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE FUNCTION refuse_opening() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a month is closed for good' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER stays BEFORE UPDATE OR DELETE ON closed_months
    FOR EACH ROW EXECUTE FUNCTION refuse_opening();
