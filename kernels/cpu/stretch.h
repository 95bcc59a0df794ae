/* How the columns of a product (the rows of W) are shared out: chunks for threads, each read as one stream or several. */
#ifndef STRETCH_H
#define STRETCH_H
#include "kinds.h"

/* Rows of W that are walked at once, and those that lie side by side in a packed weight (packed.h). */
enum { STREAMS = 4, PACKED_SIDE = 16 };

enum { LINE_BYTES = 64 };
INLINE size_t whole_lines(size_t bytes) { return (bytes + LINE_BYTES - 1) / LINE_BYTES * LINE_BYTES; }

/* How much of W a chunk reads, about: claiming a chunk drains the loads in flight. */
enum { PIECE_BYTES = 262144 };

/* The columns of one chunk: [begin, end) of each of `runs` runs of `apart` columns that begin at `first`. */
typedef struct {
    size_t first, apart, begin, end;
    int runs;
} Stretch;

/* Chunk `chunk` of `parts` · `pieces`: each of `parts` threads walks the runs of its own part from end to end. */
INLINE Stretch stretch_of(enum Kind kind, size_t out, size_t parts, size_t pieces, size_t chunk) {
    const size_t part = chunk / pieces, piece = chunk % pieces, unit = is_quantised(kind) ? PACKED_SIDE : STREAMS;
    const size_t groups = (out + unit - 1) / unit;
    const size_t first = groups * part / parts, apart = groups * (part + 1) / parts - first;
    const size_t begin = apart * piece / pieces, end = apart * (piece + 1) / pieces;
    if (is_quantised(kind))
        return (Stretch){first * unit, apart * unit, begin * unit, end * unit, 1};
    return (Stretch){first * STREAMS, apart, begin, end, STREAMS};
}

/* The most columns of a stretch. */
INLINE size_t most_columns(enum Kind kind, size_t out, size_t parts, size_t pieces) {
    const size_t unit = is_quantised(kind) ? PACKED_SIDE : STREAMS, groups = (out + unit - 1) / unit;
    return unit * (groups / (parts * pieces) + 2); /* each cut rounds up once */
}

/* The columns of a stretch, with those that only fill its last group. */
INLINE size_t columns_of(Stretch at) { return (size_t)at.runs * (at.end - at.begin); }

/* The columns of run s of a stretch that there are. */
INLINE size_t run_length(Stretch at, int s, size_t out) {
    const size_t first = at.first + s * at.apart + at.begin, length = at.end - at.begin;
    return first >= out ? 0 : first + length > out ? out - first : length;
}
#endif
