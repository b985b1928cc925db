-- The web shop of the demo. The server is set up anew each time, so there is nothing to clean up first.

CREATE ROLE web      LOGIN CONNECTION LIMIT 20;
CREATE ROLE billing  LOGIN CONNECTION LIMIT 30;
CREATE ROLE reports  LOGIN CONNECTION LIMIT 6;
CREATE ROLE worker   LOGIN CONNECTION LIMIT 10;
CREATE ROLE lambda   LOGIN;
CREATE ROLE deploy   LOGIN CONNECTION LIMIT 3;

CREATE TABLE customers (
    id      integer PRIMARY KEY,
    name    text NOT NULL,
    email   text NOT NULL UNIQUE,
    balance numeric(10, 2) NOT NULL DEFAULT 0
);
CREATE TABLE products (
    id       integer PRIMARY KEY,
    name     text NOT NULL,
    category text NOT NULL,
    price    numeric(10, 2) NOT NULL,
    stock    integer NOT NULL
);
CREATE TABLE orders (
    id          integer PRIMARY KEY,
    customer_id integer NOT NULL REFERENCES customers,
    product_id  integer NOT NULL REFERENCES products,
    status      text NOT NULL,
    total       numeric(10, 2) NOT NULL,
    placed_at   timestamptz NOT NULL
);

INSERT INTO customers
SELECT n, 'Customer ' || n, 'customer' || n || '@example.com', (n * 37) % 500
FROM generate_series(1, 500) AS n;

INSERT INTO products
SELECT n, 'Product ' || n, (ARRAY['garden', 'kitchen', 'books', 'toys'])[n % 4 + 1], (n * 13) % 90 + 5, 1000000
FROM generate_series(1, 100) AS n;

INSERT INTO orders
SELECT n, n % 500 + 1, n % 100 + 1, (ARRAY['new', 'paid', 'shipped', 'closed'])[n % 4 + 1], (n * 7) % 300 + 10,
       now() - n * interval '11 minutes'
FROM generate_series(1, 5000) AS n;

CREATE INDEX orders_customer ON orders (customer_id);

-- A query that takes long without keeping the machine busy: this is a rehearsal, not a load test.
CREATE FUNCTION slow_storage(seconds float8) RETURNS integer LANGUAGE plpgsql VOLATILE AS
$$ BEGIN PERFORM pg_sleep(seconds); RETURN 0; END $$;

ALTER TABLE customers OWNER TO deploy;
ALTER TABLE products OWNER TO deploy;
ALTER TABLE orders OWNER TO deploy;
GRANT SELECT, INSERT, UPDATE ON customers, products, orders TO web, billing, worker, lambda;
GRANT SELECT ON customers, products, orders TO reports;
GRANT CREATE ON SCHEMA public TO deploy;
ANALYZE;
