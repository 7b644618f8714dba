"""A module that does not import: one test, in error."""
import there_is_no_such_module  # noqa: F401
