/* Quantised rows as a file stores them, laid out for the products (packed.h). */
#include "packed.h"

/* The upper bits of a Q5_0 or Q5_1 block, one for each of 32 channels, as bytes of which bit j is that of channel 4 · j + byte. */
static uint32_t spread_bits(uint32_t bits) {
    uint32_t word = 0;
    for (int i = 0; i < SMALL; i++) word |= (bits >> i & 1) << (8 * (i % WORD) + i / WORD);
    return word;
}

static void pack_block(enum Kind kind, const uint8_t *block, size_t index, size_t row, char *group, const Group *at) {
    const BlockPlaces places = places_of(kind);
    const size_t words = (kind == Q8_0 ? SMALL : block_weights(kind) / 2) / WORD;
    for (size_t i = 0; i < words; i++) {
        uint32_t word;
        memcpy(&word, block + places.low + i * WORD, WORD);
        if (kind == Q8_0) word ^= 0x80808080u; /* q + 128: the unit multiplies unsigned by signed */
        memcpy(group + at->low + ((index * words + i) * PACKED_SIDE + row) * WORD, &word, WORD);
    }
    const size_t upper = kind == Q6_K ? 16 : kind == Q5_K ? 8 : kind == Q5_0 || kind == Q5_1 ? 1 : 0;
    for (size_t i = 0; i < upper; i++) {
        uint32_t word;
        memcpy(&word, block + places.bits + i * WORD, WORD);
        if (!is_super(kind)) word = spread_bits(word);
        memcpy(group + at->bits + ((index * upper + i) * PACKED_SIDE + row) * WORD, &word, WORD);
    }
    const size_t scales = kind == Q6_K ? 16 : is_super(kind) ? 12 : 0;
    for (size_t i = 0; i < scales; i++)
        group[at->scales + (index * scales + i) * PACKED_SIDE + row] = (char)block[places.scales + i];
    const size_t half = (index * PACKED_SIDE + row) * sizeof(uint16_t);
    memcpy(group + at->wide + half, block + places.wide, sizeof(uint16_t));
    if (has_minimum(kind)) memcpy(group + at->least + half, block + places.least, sizeof(uint16_t));
}

size_t packed_bytes(size_t kind, size_t in, size_t out) { return packed_groups(out) * group_of((enum Kind)kind, in).bytes; }

/* `count` rows from row `first` of W on; `to` is the whole weight, which was zero before. */
void pack_rows(size_t kind, const char *stored, char *to, size_t first, size_t count, size_t in) {
    const Group at = group_of((enum Kind)kind, in);
    for (size_t row = first; row < first + count; row++)
        for (size_t index = 0; index < in / block_weights((enum Kind)kind); index++, stored += block_bytes((enum Kind)kind))
            pack_block((enum Kind)kind, (const uint8_t *)stored, index, row % PACKED_SIDE,
                       to + row / PACKED_SIDE * at.bytes, &at);
}
