CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)

CREATE TABLE configs (id INTEGER PRIMARY KEY, step_id INTEGER NOT NULL, json TEXT NOT NULL)

CREATE TABLE requests (
        id INTEGER PRIMARY KEY, prompt TEXT NOT NULL, prompt_tokens INTEGER NOT NULL, params TEXT NOT NULL,
        arrived_ns INTEGER NOT NULL, scheduled_ns INTEGER, first_token_ns INTEGER, finished_ns INTEGER,
        finish_reason TEXT, prompt_token_ids BLOB NOT NULL, prompt_token_texts TEXT NOT NULL)

CREATE TABLE steps (
        id INTEGER PRIMARY KEY, config_id INTEGER NOT NULL, kind TEXT NOT NULL, start_ns INTEGER NOT NULL,
        end_ns INTEGER NOT NULL, device_ns INTEGER NOT NULL, positions_computed INTEGER NOT NULL,
        positions_new INTEGER NOT NULL, positions_recomputed INTEGER NOT NULL, positions_padding INTEGER NOT NULL,
        positions_rejected INTEGER NOT NULL, positions_reused INTEGER NOT NULL, tokens_out INTEGER NOT NULL,
        flops INTEGER NOT NULL, bytes_moved INTEGER NOT NULL, kv_used_bytes INTEGER NOT NULL,
        kv_reserved_bytes INTEGER NOT NULL, kv_evictable_bytes INTEGER NOT NULL, running INTEGER NOT NULL,
        waiting INTEGER NOT NULL, attention_kernel TEXT NOT NULL, phases BLOB NOT NULL, kv_layers BLOB NOT NULL,
        launch TEXT NOT NULL DEFAULT 'eager', draft_kv_used_bytes INTEGER NOT NULL DEFAULT 0,
        draft_kv_reserved_bytes INTEGER NOT NULL DEFAULT 0, kv_held_bytes INTEGER NOT NULL DEFAULT -1,
        kv_kept_bytes INTEGER NOT NULL DEFAULT -1)

CREATE TABLE tokens (
        id INTEGER PRIMARY KEY, request_id INTEGER NOT NULL, step_id INTEGER NOT NULL, position INTEGER NOT NULL,
        token_id INTEGER NOT NULL, text TEXT NOT NULL, logprob REAL, entropy REAL, source TEXT NOT NULL,
        emitted_ns INTEGER NOT NULL, alternatives BLOB NOT NULL)

CREATE TABLE work (
        step_id INTEGER NOT NULL, request_id INTEGER NOT NULL, slot INTEGER NOT NULL, first INTEGER NOT NULL,
        new_from INTEGER NOT NULL, "end" INTEGER NOT NULL, rejected INTEGER NOT NULL, reused INTEGER NOT NULL)

CREATE TABLE speculation (
        step_id INTEGER NOT NULL, request_id INTEGER NOT NULL, proposed INTEGER NOT NULL, accepted INTEGER NOT NULL)

CREATE TABLE kv_blocks (
        step_id INTEGER NOT NULL, t_ns INTEGER NOT NULL, block INTEGER NOT NULL, event TEXT NOT NULL,
        request_id INTEGER NOT NULL)

CREATE TABLE attention (
        step_id INTEGER NOT NULL, request_id INTEGER NOT NULL, layer INTEGER NOT NULL, head INTEGER NOT NULL,
        position INTEGER NOT NULL, probs BLOB NOT NULL)

CREATE INDEX attention_map ON attention (request_id, layer, head)

CREATE TABLE device_samples (
        t_ns INTEGER NOT NULL, device TEXT NOT NULL, name TEXT NOT NULL, value REAL NOT NULL)

CREATE TABLE marks (t_ns INTEGER NOT NULL, kind TEXT NOT NULL, label TEXT NOT NULL)

CREATE VIEW pauses AS
        WITH held AS (SELECT t_ns AS since, coalesce(
            (SELECT min(later.t_ns) FROM marks AS later WHERE later.kind = 'resume' AND later.rowid > marks.rowid),
            9223372036854775807) AS until FROM marks WHERE kind = 'pause'),
        begun AS (SELECT since AS since_ns, until FROM held
            UNION SELECT end_ns, until FROM steps JOIN held ON start_ns >= since AND end_ns < until)
        SELECT since_ns, min(until, coalesce((SELECT min(start_ns) FROM steps WHERE start_ns >= since_ns), until))
            AS until_ns FROM begun

CREATE TABLE packs (
        of TEXT NOT NULL, last INTEGER NOT NULL, count INTEGER NOT NULL, columns BLOB NOT NULL,
        PRIMARY KEY (of, last))

CREATE TRIGGER steps_UPDATE AFTER UPDATE ON steps BEGIN DELETE FROM packs WHERE of = 'steps'; END

CREATE TRIGGER steps_DELETE AFTER DELETE ON steps BEGIN DELETE FROM packs WHERE of = 'steps'; END

CREATE TRIGGER tokens_UPDATE AFTER UPDATE ON tokens BEGIN DELETE FROM packs WHERE of = 'tokens'; END

CREATE TRIGGER tokens_DELETE AFTER DELETE ON tokens BEGIN DELETE FROM packs WHERE of = 'tokens'; END

CREATE TRIGGER work_UPDATE AFTER UPDATE ON work BEGIN DELETE FROM packs WHERE of = 'work'; END

CREATE TRIGGER work_DELETE AFTER DELETE ON work BEGIN DELETE FROM packs WHERE of = 'work'; END

CREATE TRIGGER speculation_UPDATE AFTER UPDATE ON speculation BEGIN DELETE FROM packs WHERE of = 'speculation'; END

CREATE TRIGGER speculation_DELETE AFTER DELETE ON speculation BEGIN DELETE FROM packs WHERE of = 'speculation'; END

CREATE TRIGGER kv_blocks_UPDATE AFTER UPDATE ON kv_blocks BEGIN DELETE FROM packs WHERE of = 'kv_blocks'; END

CREATE TRIGGER kv_blocks_DELETE AFTER DELETE ON kv_blocks BEGIN DELETE FROM packs WHERE of = 'kv_blocks'; END

CREATE TRIGGER device_samples_UPDATE AFTER UPDATE ON device_samples BEGIN DELETE FROM packs WHERE of = 'device_samples'; END

CREATE TRIGGER device_samples_DELETE AFTER DELETE ON device_samples BEGIN DELETE FROM packs WHERE of = 'device_samples'; END

CREATE TRIGGER steps_INSERT AFTER INSERT ON steps BEGIN DELETE FROM packs WHERE of = 'steps' AND last >= NEW.rowid; END

CREATE TRIGGER tokens_INSERT AFTER INSERT ON tokens BEGIN DELETE FROM packs WHERE of = 'tokens' AND last >= NEW.rowid; END

CREATE TRIGGER work_INSERT AFTER INSERT ON work BEGIN DELETE FROM packs WHERE of = 'work' AND last >= NEW.rowid; END

CREATE TRIGGER speculation_INSERT AFTER INSERT ON speculation BEGIN DELETE FROM packs WHERE of = 'speculation' AND last >= NEW.rowid; END

CREATE TRIGGER kv_blocks_INSERT AFTER INSERT ON kv_blocks BEGIN DELETE FROM packs WHERE of = 'kv_blocks' AND last >= NEW.rowid; END

CREATE TRIGGER device_samples_INSERT AFTER INSERT ON device_samples BEGIN DELETE FROM packs WHERE of = 'device_samples' AND last >= NEW.rowid; END
