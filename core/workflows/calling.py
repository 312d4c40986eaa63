"""Calling what users register; it lies in ``core.base``, for every room."""

from __future__ import annotations

from ..base.calling import MOST_THREADS as MOST_THREADS
from ..base.calling import Threads as Threads
from ..base.calling import is_async as is_async
