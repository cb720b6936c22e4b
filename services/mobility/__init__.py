"""Mobility: visits with four approvals, programmes with rules as data, vouchers on an append-only ledger."""
