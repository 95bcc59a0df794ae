/* float32 and bfloat16 as the kernels here read and write them: by name, one number at a time. */
#ifndef NUMBERS_H
#define NUMBERS_H
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

typedef float float32;
typedef uint16_t bfloat16; /* the upper half of a float32 */

INLINE float widened(bfloat16 half) {
    uint32_t word = (uint32_t)half << 16;
    float value;
    memcpy(&value, &word, sizeof value);
    return value;
}

/* To the nearest bfloat16, ties to even; what is not a number stays so. */
INLINE bfloat16 rounded(float value) {
    uint32_t word;
    memcpy(&word, &value, sizeof word);
    uint32_t nearest = (word + 0x7fff + (word >> 16 & 1)) >> 16;
    return (bfloat16)((word & 0x7fffffff) > 0x7f800000 ? (word >> 16 | 0x40) : nearest);
}

INLINE float get_float32(const float32 *from, size_t index) { return from[index]; }
INLINE float get_bfloat16(const bfloat16 *from, size_t index) { return widened(from[index]); }
INLINE void put_float32(float32 *to, size_t index, float value) { to[index] = value; }
INLINE void put_bfloat16(bfloat16 *to, size_t index, float value) { to[index] = rounded(value); }
#endif
