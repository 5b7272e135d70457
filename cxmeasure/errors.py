"""What can go wrong, by the stage at which it goes wrong.

The class of an error says where to look: at the arguments, at the table, at the values in its
rows, at the model, or at the files on disk.
"""


class CxmeasureError(Exception):
    """Base of every error this package raises on purpose."""


class ArgumentError(CxmeasureError, ValueError):
    """A choice given by keyword is unknown, out of range, or contradicts another."""


class TableError(CxmeasureError, ValueError):
    """The table cannot be used: not a table, a column missing or of the wrong type."""


class DataError(CxmeasureError, ValueError):
    """The table is well formed, but values in its rows cannot be used."""


class EstimationError(CxmeasureError, ArithmeticError):
    """The rows are fine, but the model cannot be estimated from them."""


class StoreError(CxmeasureError, OSError):
    """A file of the sample company, or of a written result, is missing, broken or half-written."""


class CxmeasureWarning(UserWarning):
    """Base of every warning this package gives."""


class CollinearityWarning(CxmeasureWarning):
    """Drivers determine one another: shares are defined, but some are split by convention."""
