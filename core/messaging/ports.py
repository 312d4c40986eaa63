"""What the messaging room needs of others: a store for messages on chosen topics."""

from __future__ import annotations

from ..base.batches import BatchStore

MessageStore = BatchStore

__all__ = ["MessageStore"]
