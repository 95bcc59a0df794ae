"""Statements that want to write, to reach other files, or to take time, memory and disk without end.

`python -m tests.engine.session.hostile_sql FILE` runs all of them and prints, as JSON, how each ended.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Final

from engine.session.asking import AskedWrongError, Limits, ask

REFUSED: Final = (
    "INSERT INTO marks VALUES (1, 'x', 'y')",
    "UPDATE steps SET kind = 'decode'",
    "DELETE FROM tokens",
    "REPLACE INTO meta VALUES ('model', 'other')",
    "WITH t AS (SELECT 1) DELETE FROM tokens",
    "CREATE TABLE mine (a)",
    "CREATE TEMP TABLE mine AS SELECT * FROM steps",
    "CREATE TEMP VIEW mine AS SELECT 1",
    "CREATE TEMP TRIGGER mine AFTER INSERT ON marks BEGIN SELECT 1; END",
    "CREATE VIRTUAL TABLE temp.mine USING fts5(a)",
    "CREATE INDEX mine ON steps (kind)",
    "DROP TABLE tokens",
    "ALTER TABLE tokens RENAME TO others",
    "UPDATE sqlite_master SET sql = ''",
    "ATTACH '/etc/passwd' AS other",
    "ATTACH ':memory:' AS other",
    "DETACH main",
    "VACUUM",
    "VACUUM INTO '/tmp/copy.db'",
    "REINDEX",
    "ANALYZE",
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
    "SAVEPOINT one",
    "RELEASE one",
    "PRAGMA writable_schema = ON",
    "PRAGMA query_only = OFF",
    "PRAGMA journal_mode = DELETE",
    "PRAGMA hard_heap_limit = 0",
    "PRAGMA temp_store = FILE",
    "PRAGMA temp_store_directory = '/tmp'",
    "PRAGMA user_version = 7",
    "PRAGMA application_id = 7",
    "PRAGMA trusted_schema = ON",
    "PRAGMA database_list",
    "PRAGMA mmap_size = 1000000000",
    "PRAGMA wal_checkpoint(TRUNCATE)",
    "SELECT * FROM pragma_database_list",
    "SELECT * FROM pragma_hard_heap_limit",
    "SELECT * FROM dbstat",
    "SELECT count(*) FROM dbstat",
    "SELECT * FROM sqlite_stmt",
    "SELECT * FROM fts3tokenize('simple', 'a b')",
    "SELECT load_extension('/tmp/mine.so')",
    "SELECT load_extension('/tmp/mine.so') FROM steps WHERE 0",
    "SELECT fts3_tokenizer('simple')",
    "SELECT readfile('/etc/passwd')",
    "SELECT writefile('/tmp/mine', 'x')",
    "SELECT edit('x')",
    "SELECT * FROM other.steps",
    "SELECT 1; DELETE FROM tokens",
    "SELECT 1; SELECT 2",
    "SELECT :unknown",
    "SELECT ?",
    "SELECT ?1 + @first",
    "SELECT 'a\0b'",
    "SELECT '\ud800'",
    "",
    " -- nothing\n;",
    "/* nothing",
    "SELECT zeroblob(1000000000)",
    "SELECT hex(zeroblob(30000000))",
    "SELECT replace(hex(zeroblob(1000000)), '0', hex(zeroblob(1000000)))",
    "SELECT " + "(" * 500 + "1" + ")" * 500,
    "SELECT " + "-" * 300 + "1",
    "SELECT " + "abs(" * 300 + "1" + ")" * 300,
    "SELECT " + " + ".join(["1"] * 3000),
    "SELECT 1 WHERE 1 IN (" + ", ".join(map(str, range(30_000))) + ")",
    " UNION ALL ".join(["SELECT 1"] * 1000),
    "SELECT * FROM " + ", ".join(f"steps AS s{n}" for n in range(100)),
    "SELECT " + ", ".join(["1"] * 5000),
    "SELECT 1 LIKE '" + "%_" * 10_000 + "'",
    "SELECT json('" + "[" * 20_000 + "]" * 20_000 + "')",
    "SELECT " + "x" * 200_000,
)
"""Statements that give nothing but a sentence, at once."""
ENDLESS: Final = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
GREEDY: Final = (
    f"{ENDLESS} SELECT max(i) FROM n",
    f"{ENDLESS} SELECT i FROM n WHERE i < 0",
    f"{ENDLESS} SELECT i FROM n ORDER BY i",
    f"{ENDLESS} SELECT count(DISTINCT i) FROM n",
    f"{ENDLESS} SELECT i, count(*) FROM n GROUP BY i",
    f"{ENDLESS} SELECT i, row_number() OVER (ORDER BY -i) FROM n",
    f"{ENDLESS} SELECT group_concat(i) FROM n",
    f"{ENDLESS} SELECT json_group_array(i) FROM n",
    "WITH RECURSIVE n (i) AS (SELECT 'x' UNION SELECT i || 'x' FROM n) SELECT count(*) FROM n",
    "WITH RECURSIVE n (i) AS (SELECT 'x' UNION ALL SELECT i || i FROM n) SELECT length(i) FROM n",
    "SELECT count(*) FROM tokens a, tokens b, tokens c, tokens d, tokens e, tokens f",
    "SELECT randomblob(100000) AS x FROM tokens a, tokens b, tokens c, tokens d ORDER BY x",
    "SELECT sum(a.id) OVER (ORDER BY random()) FROM tokens a, tokens b, tokens c, tokens d, tokens e",
    "SELECT count(DISTINCT randomblob(1000)) FROM tokens a, tokens b, tokens c, tokens d",
    "SELECT max(length(replace(hex(zeroblob(1000000)), '0', 'xyzxyz'))) FROM tokens a, tokens b, tokens c, tokens d",
    "SELECT a.text LIKE '%a%b%c%d%e%f%' FROM tokens a, tokens b, tokens c, tokens d WHERE a.id < 0 + b.id * 0 - 1",
    "SELECT printf('%.30000000c', 'x') FROM tokens a, tokens b, tokens c",
    "SELECT randomblob(20000000) FROM tokens a, tokens b, tokens c",
    f"{ENDLESS} SELECT * FROM n, steps",
    "SELECT json_group_array(randomblob(10)) FROM steps",
    "SELECT value FROM json_each('[' || (SELECT group_concat(a.id) FROM tokens a, tokens b, tokens c) || ']')",
)
"""Statements that want too much: they end within their limits, with a sentence or with a part of what they give."""
LIMITS: Final = Limits(wall_s=0.6, memory_bytes=64 * 2**20, rows=20_000, result_bytes=2**22)


def run(path: Path, sql: str) -> dict[str, object]:
    """How a statement ended: its sentence or why it stopped, and how long it took."""
    began = time.monotonic()
    try:
        answered = ask(path, sql, {"first": 0}, limits=LIMITS)
        ended: dict[str, object] = {"rows": len(answered.rows), "ended": answered.ended}
    except AskedWrongError as error:
        ended = {"sentence": str(error)}
    return {"sql": sql[:120], **ended, "seconds": time.monotonic() - began}


def main() -> None:
    import resource

    path = Path(sys.argv[1])
    found = [run(path, sql) for sql in GREEDY]
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    print(json.dumps({"greedy": found, "peak_bytes": peak}))


if __name__ == "__main__":
    main()
