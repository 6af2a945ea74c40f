"""Page sizes, and page tokens that name the field they came in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from effacer_server.errors import InvalidConfig

DEFAULT_PAGE = 100
LARGEST_PAGE = 1000


def page_size(asked: int) -> int:
    """The size to use; raises InvalidConfig for a negative one."""
    if asked < 0:
        raise InvalidConfig("pageSize", "must not be negative")
    return min(asked or DEFAULT_PAGE, LARGEST_PAGE)


@contextmanager
def page_token_errors() -> Iterator[None]:
    """Names the request's field where the catalog refuses a token."""
    try:
        yield
    except InvalidConfig as error:
        if error.violations[0][0] != "page_token":
            raise
        raise InvalidConfig("pageToken", error.violations[0][1], reason=error.reason) from None
