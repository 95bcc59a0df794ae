/* Positions of one head of K or V, wherever a cache keeps them, as the lines of a tile. */
#ifndef KV_LINES_H
#define KV_LINES_H
#include "attention.h"
#include "attention_tile.h"

INLINE size_t smaller(size_t a, size_t b) { return a < b ? a : b; }
INLINE size_t rounded_up(size_t a, size_t to) { return (a + to - 1) / to * to; }
INLINE size_t padded(size_t head_dim) { return rounded_up(head_dim, LANES); }

/* Walks over the positions of one head. */
typedef struct {
    const KvPlace *place;
    const char *start, *at; /* of block 0, of the block it is in */
    size_t block, inside;
} Cursor;

INLINE Cursor cursor_at(const KvPlace *place, size_t kv_head, size_t position) {
    const char *start = place->keys + kv_head * place->head_stride;
    const size_t block = position / place->block_size, number = place->table ? (size_t)place->table[block] : 0;
    return (Cursor){place, start, start + number * place->block_stride, block, position % place->block_size};
}

/* The next `count` positions, at most KEYS. */
static inline void next_lines(Cursor *cursor, size_t count, Lines *lines) {
    const KvPlace *place = cursor->place;
    for (size_t line = 0; line < count;) {
        if (cursor->inside == place->block_size) {
            cursor->inside = 0;
            cursor->at = cursor->start + (size_t)place->table[++cursor->block] * place->block_stride;
        }
        const size_t run = smaller(place->block_size - cursor->inside, count - line);
        const char *at = cursor->at + cursor->inside * place->position_stride;
        for (size_t i = 0; i < run; i++) lines->at[line + i] = at + i * place->position_stride;
        cursor->inside += run, line += run;
    }
    for (size_t line = count; line < KEYS; line++) lines->at[line] = lines->at[count - 1];
}

/* Copy `count` lines, `offset` bytes from each, to `copies` [KEYS][wide] as float32, padded with zeros; the lines are
 * then the copies. */
static inline void widen(Lines *lines, size_t count, ptrdiff_t offset, size_t head_dim, int half, float *copies) {
    const size_t wide = padded(head_dim);
    for (size_t line = 0; line < KEYS; line++) {
        float *to = copies + smaller(line, count - 1) * wide;
        const char *from = lines->at[line] + offset;
        lines->at[line] = (const char *)to;
        if (line >= count) continue;
        if (half)
            for (size_t d = 0; d < head_dim; d++) to[d] = widened(((const bfloat16 *)from)[d]);
        else memcpy(to, from, head_dim * sizeof(float));
        for (size_t d = head_dim; d < wide; d++) to[d] = 0.0f;
    }
}
#endif
