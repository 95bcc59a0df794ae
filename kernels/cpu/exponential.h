/* e^x in operations that compilers turn into vectors. */
#ifndef EXPONENTIAL_H
#define EXPONENTIAL_H
#include "numbers.h"
#include <math.h>

/* To about one unit in the last place: 2^n · p(r), x = n ln 2 + r, with Cephes' polynomial (Moshier 1992). Outside
 * [-87, 88] it stays at the ends. */
INLINE float exponential(float x) {
    x = x > 88.0f ? 88.0f : x;
    x = x < -87.0f ? -87.0f : x;
    const float n = floorf(x * 1.44269504f + 0.5f);
    const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    const int32_t bits = ((int32_t)n + 127) << 23;
    float power;
    memcpy(&power, &bits, sizeof power);
    return (p * r * r + r + 1.0f) * power;
}
#endif
