"""The session file's tables, version 1: SQL, and how each stored event becomes rows. FORMAT.md tells it to users."""

from __future__ import annotations

from typing import Final

from engine.session.schema import AttentionRow, DeviceSample, KvBlock, Speculation, Step, Token, Work

APPLICATION_ID: Final = 0x44534350
"""`DSCP`: what SQLite's header says of a file that is a session."""
VERSION: Final = 1
MIGRATIONS: Final[dict[int, tuple[str, ...]]] = {}
"""From a version to the next: the statements that bring a copy of a file up to date."""

NEVER_NS: Final = 2**63 - 1
"""Where a pause ends that nothing ended."""

PACKED_TABLES: Final = ("steps", "tokens", "work", "speculation", "kv_blocks", "device_samples")
"""The tables whose rows are kept in packs too."""

CREATE: Final = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)",
    "CREATE TABLE configs (id INTEGER PRIMARY KEY, step_id INTEGER NOT NULL, json TEXT NOT NULL)",
    """CREATE TABLE requests (
        id INTEGER PRIMARY KEY, prompt TEXT NOT NULL, prompt_tokens INTEGER NOT NULL, params TEXT NOT NULL,
        arrived_ns INTEGER NOT NULL, scheduled_ns INTEGER, first_token_ns INTEGER, finished_ns INTEGER,
        finish_reason TEXT, prompt_token_ids BLOB NOT NULL, prompt_token_texts TEXT NOT NULL)""",
    """CREATE TABLE steps (
        id INTEGER PRIMARY KEY, config_id INTEGER NOT NULL, kind TEXT NOT NULL, start_ns INTEGER NOT NULL,
        end_ns INTEGER NOT NULL, device_ns INTEGER NOT NULL, positions_computed INTEGER NOT NULL,
        positions_new INTEGER NOT NULL, positions_recomputed INTEGER NOT NULL, positions_padding INTEGER NOT NULL,
        positions_rejected INTEGER NOT NULL, positions_reused INTEGER NOT NULL, tokens_out INTEGER NOT NULL,
        flops INTEGER NOT NULL, bytes_moved INTEGER NOT NULL, kv_used_bytes INTEGER NOT NULL,
        kv_reserved_bytes INTEGER NOT NULL, kv_evictable_bytes INTEGER NOT NULL, running INTEGER NOT NULL,
        waiting INTEGER NOT NULL, attention_kernel TEXT NOT NULL, phases BLOB NOT NULL, kv_layers BLOB NOT NULL,
        launch TEXT NOT NULL DEFAULT 'eager', draft_kv_used_bytes INTEGER NOT NULL DEFAULT 0,
        draft_kv_reserved_bytes INTEGER NOT NULL DEFAULT 0, kv_held_bytes INTEGER NOT NULL DEFAULT -1,
        kv_kept_bytes INTEGER NOT NULL DEFAULT -1)""",
    """CREATE TABLE tokens (
        id INTEGER PRIMARY KEY, request_id INTEGER NOT NULL, step_id INTEGER NOT NULL, position INTEGER NOT NULL,
        token_id INTEGER NOT NULL, text TEXT NOT NULL, logprob REAL, entropy REAL, source TEXT NOT NULL,
        emitted_ns INTEGER NOT NULL, alternatives BLOB NOT NULL)""",
    """CREATE TABLE work (
        step_id INTEGER NOT NULL, request_id INTEGER NOT NULL, slot INTEGER NOT NULL, first INTEGER NOT NULL,
        new_from INTEGER NOT NULL, "end" INTEGER NOT NULL, rejected INTEGER NOT NULL, reused INTEGER NOT NULL)""",
    """CREATE TABLE speculation (
        step_id INTEGER NOT NULL, request_id INTEGER NOT NULL, proposed INTEGER NOT NULL, accepted INTEGER NOT NULL)""",
    """CREATE TABLE kv_blocks (
        step_id INTEGER NOT NULL, t_ns INTEGER NOT NULL, block INTEGER NOT NULL, event TEXT NOT NULL,
        request_id INTEGER NOT NULL)""",
    """CREATE TABLE attention (
        step_id INTEGER NOT NULL, request_id INTEGER NOT NULL, layer INTEGER NOT NULL, head INTEGER NOT NULL,
        position INTEGER NOT NULL, probs BLOB NOT NULL)""",
    "CREATE INDEX attention_map ON attention (request_id, layer, head)",
    """CREATE TABLE device_samples (
        t_ns INTEGER NOT NULL, device TEXT NOT NULL, name TEXT NOT NULL, value REAL NOT NULL)""",
    "CREATE TABLE marks (t_ns INTEGER NOT NULL, kind TEXT NOT NULL, label TEXT NOT NULL)",
    f"""CREATE VIEW pauses AS
        WITH held AS (SELECT t_ns AS since, coalesce(
            (SELECT min(later.t_ns) FROM marks AS later WHERE later.kind = 'resume' AND later.rowid > marks.rowid),
            {NEVER_NS}) AS until FROM marks WHERE kind = 'pause'),
        begun AS (SELECT since AS since_ns, until FROM held
            UNION SELECT end_ns, until FROM steps JOIN held ON start_ns >= since AND end_ns < until)
        SELECT since_ns, min(until, coalesce((SELECT min(start_ns) FROM steps WHERE start_ns >= since_ns), until))
            AS until_ns FROM begun""",
    """CREATE TABLE packs (
        of TEXT NOT NULL, last INTEGER NOT NULL, count INTEGER NOT NULL, columns BLOB NOT NULL,
        PRIMARY KEY (of, last))""",
    *(
        f"CREATE TRIGGER {table}_{event} AFTER {event} ON {table} BEGIN DELETE FROM packs WHERE of = '{table}'; END"
        for table in PACKED_TABLES
        for event in ("UPDATE", "DELETE")
    ),
)
INSERT_TRIGGER: Final[dict[str, str]] = {
    table: f"CREATE TRIGGER {table}_INSERT AFTER INSERT ON {table} "
    f"BEGIN DELETE FROM packs WHERE of = '{table}' AND last >= NEW.rowid; END"
    for table in PACKED_TABLES
}
"""By table: what keeps packs from outliving a row that was replaced. Made when a recording is closed, as nobody else
writes before and each row of a run would pay for it."""


def insert(table: str, columns: tuple[str, ...]) -> str:
    """The INSERT statement for all columns of a table."""
    names = ", ".join(f'"{column}"' for column in columns)
    return f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(columns))})"


COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "configs": ("id", "step_id", "json"),
    "steps": Step.__struct_fields__,
    "tokens": Token.__struct_fields__,
    "work": Work.__struct_fields__,
    "speculation": Speculation.__struct_fields__,
    "kv_blocks": KvBlock.__struct_fields__,
    "attention": AttentionRow.__struct_fields__,
    "device_samples": DeviceSample.__struct_fields__,
    "marks": ("t_ns", "kind", "label"),
    "requests": ("id", "prompt", "prompt_tokens", "params", "arrived_ns", "prompt_token_ids", "prompt_token_texts"),
    "packs": ("of", "last", "count", "columns"),
}
"""The columns that a row is inserted with; those of events stand in the order of the event's fields."""

INSERT: Final = {table: insert(table, columns) for table, columns in COLUMNS.items()}
