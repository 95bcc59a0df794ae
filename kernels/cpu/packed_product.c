/* Products of rows of x with packed weights (packed.h). */
#include "packed_lanes.h"
#include <math.h>

/* sum + the products of each word's four unsigned bytes with four signed ones. */
INLINE Sums dot(Sums sum, Quads q, const int8_t *x) {
    int32_t four;
    memcpy(&four, x, sizeof four);
#if defined(__AVX512VNNI__)
    return (Sums)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)q, _mm512_set1_epi32(four));
#elif defined(__AVXVNNI__) || defined(__AVX2__)
    __m256i part[2], both[2];
    memcpy(part, &q, sizeof part);
    memcpy(both, &sum, sizeof both);
    const __m256i all = _mm256_set1_epi32(four);
#if !defined(__AVXVNNI__)
    const __m256i even = _mm256_srai_epi16(_mm256_slli_epi16(all, 8), 8), odd = _mm256_srai_epi16(all, 8);
    const __m256i byte = _mm256_set1_epi16(255);
#endif
    for (int i = 0; i < 2; i++)
#if defined(__AVXVNNI__)
        both[i] = _mm256_dpbusd_avx_epi32(both[i], part[i], all);
#else
        both[i] = _mm256_add_epi32(both[i], _mm256_add_epi32(
            _mm256_madd_epi16(_mm256_and_si256(part[i], byte), even),
            _mm256_madd_epi16(_mm256_srli_epi16(part[i], 8), odd)));
#endif
    memcpy(&sum, both, sizeof sum);
    return sum;
#else
    for (int i = 0; i < WORD; i++) sum += (Sums)(q >> 8 * i & 255u) * (int32_t)x[i];
    return sum;
#endif
}

/* --- x ------------------------------------------------------------------------------------------------------------ */

void meet_packed(const float *x, char *to, size_t in, int half) {
    enum { MOST = 127 * 128 };
    int8_t *high = (int8_t *)to, *low = high + in;
    float *scales = (float *)(to + 2 * in);
    int32_t *sums = (int32_t *)(scales + in / SMALL);
    for (size_t block = 0; block < in / SMALL; block++) {
        float value[SMALL], largest = 0;
        for (int i = 0; i < SMALL; i++) {
            value[i] = half ? widened(rounded(x[block * SMALL + i])) : x[block * SMALL + i];
            largest = fmaxf(largest, fabsf(value[i]));
        }
        /* What is not finite makes the scale so, and with it every sum. */
        float scale = largest / MOST, every = 0;
        for (int i = 0; i < SMALL; i++) every += value[i] * 0;
        const float by = scale > 0 && isfinite(scale) ? 1 / scale : 0;
        scales[block] = every == 0 ? scale : every;
        int32_t sum[2] = {0};
        for (int i = 0; i < SMALL; i++) {
            const float scaled = value[i] * by;
            int32_t q = isfinite(scaled) ? (int32_t)(scaled + copysignf(0.5f, scaled)) : 0;
            q = q > MOST ? MOST : q < -MOST ? -MOST : q;
            const int32_t upper = (q + 64) >> 7;
            high[block * SMALL + i] = (int8_t)upper;
            low[block * SMALL + i] = (int8_t)(q - upper * 128);
            sum[i / 16] += q;
        }
        sums[2 * block] = sum[0];
        sums[2 * block + 1] = sum[1];
    }
}

/* --- blocks of 32 -------------------------------------------------------------------------------------------------- */

/* Both products of four channels from `at` on with each row of x. */
#define MEET(HIGH, LOW, Q, AT)                                                                                         \
    for (int r = 0; r < rows; r++) {                                                                                   \
        (HIGH)[r] = dot((HIGH)[r], Q, x[r].high + (AT));                                                               \
        (LOW)[r] = dot((LOW)[r], Q, x[r].low + (AT));                                                                  \
    }

INLINE void small_blocks(const enum Kind kind, const char *group, const Group *at, const MetRow *x, size_t in,
                         const int rows, Sixteen *y) {
    const char *low_at = group + at->low, *bits_at = group + at->bits;
    const int offset = kind == Q8_0 ? 128 : offset_of(kind), vectors = kind == Q8_0 ? 8 : 4;
    for (size_t block = 0; block < in / SMALL; block++) {
        Sums high[rows], low[rows];
        const size_t first = block * SMALL;
        for (int r = 0; r < rows; r++) {
            high[r] = all_sums(0);
            low[r] = all_sums(-offset * (x[r].sum[2 * block] + x[r].sum[2 * block + 1]));
        }
        Quads bits = {0};
        if (kind == Q5_0 || kind == Q5_1) bits = load_quads(bits_at + block * sizeof bits);
        for (int i = 0; i < vectors; i++) {
            const char *from = low_at + (block * vectors + i) * sizeof(Quads);
            __builtin_prefetch(from + AHEAD);
            const Quads q = load_quads(from);
            if (kind == Q8_0) {
                MEET(high, low, q, first + i * WORD)
                continue;
            }
            Quads near = q & NIBBLES, far = q >> 4 & NIBBLES;
            if (kind == Q5_0 || kind == Q5_1) near |= bits << (4 - i) & FIFTH, far |= bits >> i & FIFTH;
            MEET(high, low, near, first + i * WORD)
            MEET(high, low, far, first + SMALL / 2 + i * WORD)
        }
        const Sixteen scale = halves_of(group + at->wide, block);
        for (int r = 0; r < rows; r++) y[r] = with_block(y[r], high[r], low[r], scale, x[r].scale[block]);
        if (has_minimum(kind)) {
            const Sixteen least = halves_of(group + at->least, block);
            for (int r = 0; r < rows; r++)
                y[r] = with_minimum(y[r], least, x[r].scale[block], x[r].sum[2 * block] + x[r].sum[2 * block + 1]);
        }
    }
}

/* --- blocks of 256 ------------------------------------------------------------------------------------------------- */

INLINE void super_blocks(const enum Kind kind, const char *group, const Group *at, const MetRow *x, size_t in,
                         const int rows, Sixteen *y) {
    for (size_t block = 0; block < in / SUPER; block++) {
        SmallScales scales;
        small_scales(group + at->scales + block * 12 * PACKED_SIDE, scales);
        const Sixteen wide = halves_of(group + at->wide, block), least = halves_of(group + at->least, block);
        const char *bits_at = group + at->bits + block * 8 * sizeof(Quads);
        for (int pair = 0; pair < 4; pair++) {
            Sums high[2][rows], low[2][rows];
            for (int r = 0; r < rows; r++) high[0][r] = high[1][r] = low[0][r] = low[1][r] = all_sums(0);
            const size_t first = block * SUPER + pair * 2 * SMALL;
            for (int i = 0; i < 8; i++) {
                const char *from = group + at->low + ((block * 4 + pair) * 8 + i) * sizeof(Quads);
                __builtin_prefetch(from + AHEAD);
                const Quads q = load_quads(from);
                Quads near = q & NIBBLES, far = q >> 4 & NIBBLES;
                if (kind == Q5_K) {
                    const Quads bits = load_quads(bits_at + i * sizeof bits);
                    near |= (bits >> 2 * pair & 0x01010101u) << 4;
                    far |= (bits >> (2 * pair + 1) & 0x01010101u) << 4;
                }
                MEET(high[0], low[0], near, first + i * WORD)
                MEET(high[1], low[1], far, first + SMALL + i * WORD)
            }
            for (int half = 0; half < 2; half++) {
                const int s = 2 * pair + half;
                const size_t small = block * 8 + s;
                const Sixteen scale = wide * load_bytes((const char *)scales[0][s], 0);
                const Sixteen minimum = -least * load_bytes((const char *)scales[1][s], 0);
                for (int r = 0; r < rows; r++) {
                    y[r] = with_block(y[r], high[half][r], low[half][r], scale, x[r].scale[small]);
                    y[r] = with_minimum(y[r], minimum, x[r].scale[small], x[r].sum[2 * small] + x[r].sum[2 * small + 1]);
                }
            }
        }
    }
}

INLINE void six_bit_blocks(const char *group, const Group *at, const MetRow *x, size_t in, const int rows, Sixteen *y) {
    for (size_t block = 0; block < in / SUPER; block++) {
        const Sixteen wide = halves_of(group + at->wide, block);
        const char *scales = group + at->scales + block * 16 * PACKED_SIDE;
        for (int eighth = 0; eighth < 8; eighth++) { /* of each half of the block, runs of 32 whose lower bits share bytes */
            const int upper = eighth / 4, pair = eighth / 2 % 2, part = eighth % 2;
            Sums high[2][rows], low[2][rows];
            size_t sub[2];
            for (int half = 0; half < 2; half++) {
                sub[half] = (size_t)(upper * 8 + 2 * (pair + 2 * half) + part);
                for (int r = 0; r < rows; r++) {
                    high[half][r] = all_sums(0);
                    low[half][r] = all_sums(-32 * x[r].sum[block * 16 + sub[half]]);
                }
            }
            for (int i = 0; i < 4; i++) {
                const int word = upper * 16 + part * 4 + 8 * pair + i;
                const char *from = group + at->low + (block * 32 + word) * sizeof(Quads);
                __builtin_prefetch(from + AHEAD);
                const Quads q = load_quads(from);
                const Quads bits = load_quads(group + at->bits +
                                              (block * 16 + upper * 8 + part * 4 + i) * sizeof bits);
                const Quads near = (q & NIBBLES) | (bits >> 2 * pair & 0x03030303u) << 4;
                const Quads far = (q >> 4 & NIBBLES) | (bits >> (2 * pair + 4) & 0x03030303u) << 4;
                MEET(high[0], low[0], near, block * SUPER + sub[0] * 16 + i * WORD)
                MEET(high[1], low[1], far, block * SUPER + sub[1] * 16 + i * WORD)
            }
            for (int half = 0; half < 2; half++) {
                const Sixteen scale = wide * load_bytes(scales + sub[half] * PACKED_SIDE, 1);
                for (int r = 0; r < rows; r++)
                    y[r] = with_block(y[r], high[half][r], low[half][r], scale,
                                      x[r].scale[block * 8 + sub[half] / 2]);
            }
        }
    }
}

/* --- products ------------------------------------------------------------------------------------------------------ */

INLINE void multiply_group(const enum Kind kind, const char *group, const Group *at, const MetRow *x, size_t in,
                           const int rows, float *to, size_t apart) {
    Sixteen y[rows];
    for (int r = 0; r < rows; r++) y[r] = (Sixteen){0};
    if (kind == Q6_K) six_bit_blocks(group, at, x, in, rows, y);
    else if (is_super(kind)) super_blocks(kind, group, at, x, in, rows, y);
    else small_blocks(kind, group, at, x, in, rows, y);
    for (int r = 0; r < rows; r++) memcpy(to + r * apart, y + r, sizeof *y);
}

/* A row's sums are the same, whatever rows stand beside it: each is added in the same order. */
INLINE void multiply_kind(const enum Kind kind, const char *weight, const char *x, size_t rows, size_t in, Stretch at,
                          float *y) {
    enum { BATCH = 32, MOST = 4 }; /* of many rows, so many at a time meet a group: both stay in the nearest caches */
    const Group group = group_of(kind, in);
    const size_t columns = at.end - at.begin, x_bytes = met_packed_bytes(in);
    for (size_t batch = 0; batch < rows; batch += BATCH) {
        const size_t end = rows - batch < BATCH ? rows : batch + BATCH;
        for (size_t column = 0; column < columns; column += PACKED_SIDE) {
            const char *from = weight + (at.first + at.begin + column) / PACKED_SIDE * group.bytes;
            for (size_t row = batch; row < end;) {
                MetRow met[MOST];
                const size_t left = end - row, some = left >= MOST ? MOST : left >= 2 ? 2 : 1;
                for (size_t r = 0; r < some; r++) met[r] = met_row(x + (row + r) * x_bytes, in);
                float *to = y + row * columns + column;
                if (some == MOST) multiply_group(kind, from, &group, met, in, MOST, to, columns);
                else if (some == 2) multiply_group(kind, from, &group, met, in, 2, to, columns);
                else multiply_group(kind, from, &group, met, in, 1, to, columns);
                row += some;
            }
        }
    }
}

void multiply_packed(enum Kind kind, const char *weight, const char *x, size_t rows, size_t in, Stretch at, float *y) {
    if (byte_tiles_serve(rows)) {
        multiply_packed_in_tiles(kind, weight, x, rows, in, at, y);
        return;
    }
    BY_KIND(multiply_kind, kind, weight, x, rows, in, at, y)
}
