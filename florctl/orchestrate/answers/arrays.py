"""Large logged arrays with their elements, which are read from beside the journals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from florlib.ground.errors import ArrayDamaged, ArrayMissing
from florlib.ground.layout import RunLayout
from florlib.ground.position import describe
from florlib.ground.stored_array import STORED, StoredArray
from florlib.ground.values import Array, decode_value, encode_value
from florlib.stores.arrays import read_array
from florlib.stores.catalog.rows import SHELL, RunRow, ValueRow


@dataclass(frozen=True, slots=True)
class Elements:
    """Reads the elements of the large arrays of one run.

    Attributes:
        run: whose.
        home: FLOR_HOME.
    """

    run: RunRow
    home: Path
    _folders: list[Path] = field(default_factory=list)

    def whole(self, row: ValueRow) -> Any:
        """A value, JSON as in the journal, in which each large array has its elements.

        Raises:
            ArrayMissing, ArrayDamaged: a file of them; the message names the value.
        """
        try:
            return self._whole(row.value, row.origin)
        except (ArrayMissing, ArrayDamaged) as error:
            place = f"{row.name} at {describe(row.position)}" if row.position else row.name
            raise type(error)(
                f"{place}: {error.message}", hint=f"flor store verify {self.run.run}"
            ) from error

    def all_whole(self, rows: Iterable[ValueRow]) -> Iterator[ValueRow]:
        """Values likewise, each read as it is asked for."""
        for row in rows:
            yield row._replace(value=self.whole(row))

    def _whole(self, content: Any, origin: str) -> Any:
        if isinstance(content, list):
            return [self._whole(item, origin) for item in content]
        if not isinstance(content, dict):
            return content
        if content.keys() == {STORED}:
            return encode_value(self._array(decode_value(content), origin))
        return {key: self._whole(item, origin) for key, item in content.items()}

    def _array(self, stored: StoredArray, origin: str) -> Array:
        layout = RunLayout(self.home / self.run.folder)
        if not self._folders:
            self._folders.extend(layout.all_arrays())
        is_late = origin not in ("record", SHELL)
        own = [layout.replay(origin).arrays] if is_late else []
        data = read_array([*own, *self._folders], stored)
        return Array(stored.dtype, stored.shape, data, stored.library)
