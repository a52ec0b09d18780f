"""Writes that share transactions: a commit costs more than what most journals bring."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager

from florlib.stores.catalog.connection import begin
from florlib.stores.catalog.interned import Interned

SHARED_S = 0.25
"""How long a transaction may take in further pieces; others that write wait for it."""

LETTING_IN_S = 0.005
"""Pause behind a transaction, which is longer than a writer that waits takes to ask again."""


class Batch:
    """The writes of one harvest, in pieces each of which comes whole or not at all.

    Attributes:
        interned: keys that are known in the present transaction.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._begun_s = 0.0
        self.interned = Interned(connection)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One piece; what stands in the database is read inside of it."""
        sql = self._connection.execute
        if not self._connection.in_transaction:
            begin(self._connection)
            self._begun_s = time.monotonic()
            self.interned = Interned(self._connection)  # another may have made everything anew
        sql("SAVEPOINT piece")
        try:
            yield
        except BaseException:
            self.interned = Interned(self._connection)
            if self._connection.in_transaction:  # a full disk has rolled back all of it already
                sql("ROLLBACK TO piece")
                sql("RELEASE piece")
            raise
        sql("RELEASE piece")
        if time.monotonic() - self._begun_s > SHARED_S:
            self.commit()
            time.sleep(LETTING_IN_S)

    def commit(self) -> None:
        """Make the pieces so far last."""
        if self._connection.in_transaction:
            self._connection.commit()
