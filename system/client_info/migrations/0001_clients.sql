CREATE TABLE clients (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    birth_date date NOT NULL
);
CREATE TABLE documents (
    id uuid PRIMARY KEY,
    client_id uuid NOT NULL REFERENCES clients (id),
    type text NOT NULL,
    number text NOT NULL,
    issue_date date NOT NULL,
    expiry_date date
);
CREATE INDEX ON documents (client_id);
CREATE TABLE relatives (
    id uuid PRIMARY KEY,
    client_id uuid NOT NULL REFERENCES clients (id),
    relation_type text NOT NULL,
    name text NOT NULL,
    age integer NOT NULL
);
CREATE INDEX ON relatives (client_id);
CREATE TABLE attributes (
    client_id uuid NOT NULL REFERENCES clients (id),
    group_name text NOT NULL,
    name text NOT NULL,
    value text NOT NULL,
    PRIMARY KEY (client_id, group_name, name)
);
