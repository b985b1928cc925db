"""How the demo's applications behave, each with real connections.

A behaviour is what one client does with one connection. When it returns, or the connection is lost, the client's life
goes on in `crowd`: it waits as long as its application does, and connects again.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any, LiteralString

import psycopg

Connection = psycopg.AsyncConnection[Any]
Behaviour = Callable[[Connection, int], Awaitable[None]]

LOOKUPS: tuple[LiteralString, ...] = (
    "SELECT id, status, total FROM orders WHERE customer_id = %s ORDER BY placed_at DESC LIMIT 20",
    "SELECT name, email, balance FROM customers WHERE id = %s",
    "SELECT p.name, p.price, p.stock FROM products AS p JOIN orders AS o ON o.product_id = p.id WHERE o.id = %s",
)
REPORTS: tuple[LiteralString, ...] = (
    "SELECT date_trunc('day', placed_at) AS day, sum(total) + slow_storage(%s) AS revenue"
    " FROM orders GROUP BY 1 ORDER BY 1",
    "SELECT category, count(*) + slow_storage(%s) AS orders, avg(o.total)"
    " FROM orders AS o JOIN products AS p ON p.id = o.product_id GROUP BY 1",
    "WITH best AS (SELECT customer_id, sum(total) AS spent FROM orders GROUP BY 1 ORDER BY 2 DESC LIMIT 50)"
    " SELECT c.name, best.spent FROM best JOIN customers AS c ON c.id = customer_id WHERE slow_storage(%s) = 0"
    " AND c.balance >= 0",
)


async def linger(connection: Connection, seconds: float | None = None) -> None:
    """Leave the connection alone as it is, for `seconds` or for good, and notice when the server ends it.

    Raises:
        psycopg.OperationalError: The server ended the session.
    """
    async for _ in connection.notifies(timeout=seconds):
        pass


def shopper(think: float) -> Behaviour:
    """Short queries with a pause of about `think` seconds, in which the connection is idle."""

    async def behave(connection: Connection, number: int) -> None:
        while True:
            await connection.execute(random.choice(LOOKUPS), (random.randint(1, 500),))
            await linger(connection, think * random.uniform(0.5, 1.5))

    return behave


def visitor(think: float) -> Behaviour:
    """One short query, and the connection is closed: for clients behind PgBouncer, which keeps the server's side."""

    async def behave(connection: Connection, number: int) -> None:
        for _ in range(20):
            await connection.execute(random.choice(LOOKUPS), (random.randint(1, 500),))
            await asyncio.sleep(think * random.uniform(0.5, 1.5))

    return behave


async def leaked(connection: Connection, number: int) -> None:
    """A request handler borrowed it, answered the request, and never gave it back."""
    await connection.execute(LOOKUPS[number % 2], (random.randint(1, 500),))
    await linger(connection)


async def forgotten_transaction(connection: Connection, number: int) -> None:
    """Takes an order for itself, then waits for an answer from elsewhere that does not come, without a COMMIT."""
    await connection.execute("BEGIN")
    await connection.execute(
        "SELECT id, total FROM orders WHERE id = %s AND status <> 'cancelled' FOR UPDATE", (1000 + number,)
    )
    await asyncio.sleep(random.uniform(0.1, 0.5))
    await connection.execute("UPDATE orders SET status = 'paying' WHERE id = %s", (1000 + number,))
    await linger(connection)


async def failed_transaction(connection: Connection, number: int) -> None:
    """Runs into an error inside a transaction, logs it, and forgets the ROLLBACK."""
    await connection.execute("BEGIN")
    try:
        await connection.execute("SELECT total / (id - id) FROM orders WHERE id = %s", (1000 + number,))
    except psycopg.errors.DivisionByZero:
        await linger(connection)


async def migration(connection: Connection, number: int) -> None:
    """Somebody runs a migration by hand, and is called away before the COMMIT."""
    await connection.execute("BEGIN")
    await connection.execute("ALTER TABLE orders ADD COLUMN gift_note text")
    await linger(connection)


async def order_reader(connection: Connection, number: int) -> None:
    """Reads orders again and again; behind a migration it waits."""
    while True:
        await connection.execute(LOOKUPS[0], (random.randint(1, 500),))
        await linger(connection, random.uniform(1, 3))


async def order_passing(connection: Connection, number: int) -> None:
    """Connects for each request, as scripts without a pool do: while it waits behind a migration it keeps its slot."""
    await connection.execute(LOOKUPS[0], (random.randint(1, 500),))


async def order_taker(connection: Connection, number: int) -> None:
    """Takes a product from stock and then writes the order: the first row is locked while it waits for the second."""
    while True:
        await connection.execute("BEGIN")
        await connection.execute("UPDATE products SET stock = stock - 1 WHERE id = %s", (7 + number,))
        await connection.execute("UPDATE orders SET status = 'packed' WHERE id = %s", (2000 + number,))
        await connection.execute("COMMIT")
        await linger(connection, random.uniform(2, 4))


def stock_keeper(takers: int) -> Behaviour:
    """Counts a product that `takers` order takers sell, and leaves: waits for them, and for others of its kind."""

    async def behave(connection: Connection, number: int) -> None:
        await connection.execute(
            "UPDATE products SET stock = stock + 10 WHERE id = %s RETURNING stock", (7 + number % takers,)
        )

    return behave


def analyst(shortest: float, longest: float, think: float) -> Behaviour:
    """Reports of different length, `shortest` to `longest` seconds, with hardly a pause."""

    async def behave(connection: Connection, number: int) -> None:
        while True:
            seconds = random.uniform(shortest, longest)
            # The function is evaluated for each row or group; one slow row is enough.
            await connection.execute(REPORTS[number % len(REPORTS)], (seconds / ROWS[number % len(REPORTS)],))
            await linger(connection, think * random.uniform(0.5, 1.5))

    return behave


# How often each of REPORTS evaluates slow_storage on the demo's data: days, categories, best customers.
ROWS = (39, 4, 50)


def checkout(seconds: float) -> Behaviour:
    """Keeps a transaction open while it asks a payment service, which has become slow."""

    async def behave(connection: Connection, number: int) -> None:
        while True:
            await connection.execute("BEGIN")
            await connection.execute("SELECT balance FROM customers WHERE id = %s FOR UPDATE", (1 + number,))
            await linger(connection, seconds * random.uniform(0.8, 1.2))
            await connection.execute("UPDATE customers SET balance = balance + 1 WHERE id = %s", (1 + number,))
            await connection.execute("COMMIT")
            await asyncio.sleep(random.uniform(0.1, 0.5))

    return behave


def function_call(seconds: float) -> Behaviour:
    """A serverless function: connects, asks once, and ends with its connection."""

    async def behave(connection: Connection, number: int) -> None:
        await connection.execute(random.choice(LOOKUPS), (random.randint(1, 500),))
        await asyncio.sleep(seconds * random.uniform(0.5, 1.5))

    return behave
