/* Vectors of float32 as wide as the processor's registers, and the few operations on them that C has no sign for. */
#ifndef VECTORS_H
#define VECTORS_H
#include "numbers.h"

#if defined(__AVX512F__)
enum { LANES = 16 };
#define INTERLEAVED_LOW 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define INTERLEAVED_HIGH 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#define PAIRS_EVEN 0, 2, 16, 18, 4, 6, 20, 22, 8, 10, 24, 26, 12, 14, 28, 30
#define PAIRS_ODD 1, 3, 17, 19, 5, 7, 21, 23, 9, 11, 25, 27, 13, 15, 29, 31
#define FOURS_EVEN 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27
#define FOURS_ODD 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31
#elif defined(__AVX__)
enum { LANES = 8 };
#define INTERLEAVED_LOW 0, 8, 1, 9, 2, 10, 3, 11
#define INTERLEAVED_HIGH 4, 12, 5, 13, 6, 14, 7, 15
#define PAIRS_EVEN 0, 2, 8, 10, 4, 6, 12, 14
#define PAIRS_ODD 1, 3, 9, 11, 5, 7, 13, 15
#define FOURS_EVEN 0, 1, 2, 3, 8, 9, 10, 11
#define FOURS_ODD 4, 5, 6, 7, 12, 13, 14, 15
#else
enum { LANES = 4 };
#define INTERLEAVED_LOW 0, 4, 1, 5
#define INTERLEAVED_HIGH 2, 6, 3, 7
#define PAIRS_EVEN 0, 2, 4, 6
#define PAIRS_ODD 1, 3, 5, 7
#define FOURS_EVEN 0, 1, 2, 3
#define FOURS_ODD 4, 5, 6, 7
#endif

typedef float Vector __attribute__((vector_size(4 * LANES)));
typedef int32_t Places __attribute__((vector_size(4 * LANES)));
typedef uint32_t Words __attribute__((vector_size(4 * LANES)));
typedef uint16_t Halves __attribute__((vector_size(2 * LANES)));

/* Numbers of a and b by their places in both, a's first. */
#if defined(__clang__) || __GNUC__ >= 12
#define SHUFFLED(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLED(a, b, ...) __builtin_shuffle(a, b, (Places){__VA_ARGS__})
#endif

INLINE Vector load(const float *from) {
    Vector vector;
    memcpy(&vector, from, sizeof vector);
    return vector;
}

INLINE Vector load_widened(const bfloat16 *from) {
    Halves halves;
    memcpy(&halves, from, sizeof halves);
    return (Vector)(__builtin_convertvector(halves, Words) << 16);
}

INLINE void store(float *to, Vector vector) { memcpy(to, &vector, sizeof vector); }

/* Turn LANES rows of LANES numbers into their columns. */
INLINE void transpose(Vector rows[LANES]) {
    for (int width = 1; width < LANES; width *= 2) {
        Vector turned[LANES];
        for (int i = 0; i < LANES / 2; i++) {
            turned[2 * i] = SHUFFLED(rows[i], rows[i + LANES / 2], INTERLEAVED_LOW);
            turned[2 * i + 1] = SHUFFLED(rows[i], rows[i + LANES / 2], INTERLEAVED_HIGH);
        }
        for (int i = 0; i < LANES; i++) rows[i] = turned[i];
    }
}

/* The sum of each of LANES vectors; destroys them. The numbers of each four are summed first, then the fours:
 * processors shuffle numbers within a four, and whole fours, with one short instruction. */
INLINE Vector sums_of(Vector vectors[LANES]) {
    for (int left = LANES; left > LANES / 4; left /= 2)
        for (int i = 0; i < left / 2; i++) {
            const Vector a = vectors[2 * i], b = vectors[2 * i + 1];
            vectors[i] = SHUFFLED(a, b, PAIRS_EVEN) + SHUFFLED(a, b, PAIRS_ODD);
        }
    for (int left = LANES / 4; left > 1; left /= 2)
        for (int i = 0; i < left / 2; i++) {
            const Vector a = vectors[2 * i], b = vectors[2 * i + 1];
            vectors[i] = SHUFFLED(a, b, FOURS_EVEN) + SHUFFLED(a, b, FOURS_ODD);
        }
    return vectors[0];
}

/* The greater of each two numbers; b's where one of them is not a number. */
INLINE Vector greater(Vector a, Vector b) {
    const Places above = a > b;
    return (Vector)(((Places)a & above) | ((Places)b & ~above));
}

INLINE float greatest(Vector vector) {
    for (int left = LANES; left > 4; left /= 2)
        vector = greater(SHUFFLED(vector, vector, FOURS_EVEN), SHUFFLED(vector, vector, FOURS_ODD));
    for (int left = 4; left > 1; left /= 2)
        vector = greater(SHUFFLED(vector, vector, PAIRS_EVEN), SHUFFLED(vector, vector, PAIRS_ODD));
    return vector[0];
}
#endif
