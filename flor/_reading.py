"""Reading values out of the catalog, in notebooks and scripts; loaded when first used."""

from __future__ import annotations

from typing import Any


def dataframe(*names: str, run: str | None = None) -> Any:
    """The values logged under these names, as a pandas DataFrame.

    Columns: run, one for each loop of the position, one for each name; a row a position.

    Args:
        *names: that were logged.
        run: a selector as on the command line; None for all runs.

    Raises:
        ImportError: pandas is not installed.
    """
    try:
        import pandas
    except ImportError as error:
        raise ImportError("flor.dataframe needs pandas: pip install 'florctl[pandas]'") from error
    import os
    from pathlib import Path

    from florlib.stores.catalog.frames import value_records

    home = Path(os.environ.get("FLOR_HOME") or Path.home() / ".flor").expanduser()
    return pandas.DataFrame(value_records(home, names, run))
