/* Where a share of the largest values ends, without sorting them all. */
#ifndef SELECTION_H
#define SELECTION_H
#include "numbers.h"

enum { BINS = 512 };

typedef struct {
    float value;  /* the smallest value of the share */
    double above; /* the mass of all larger values */
} Edge;

/* The largest values whose masses sum to `wanted`, or all of them where they do not: where this share ends.
 *
 * `masses` NULL: each value has mass 1, so `wanted` is a count. No value is NaN or infinite; `count` is at least 1.
 * `values_left` and `masses_left` are memory for `count` numbers each. The values are divided into bins of equal width;
 * the search goes on in the bin in which the sum is reached, until all values that are left are equal. */
static Edge edge_of(const float *values, const float *masses, size_t count, double wanted, float *values_left,
                    float *masses_left) {
    double above = 0;
    for (;;) {
        float low = values[0], high = values[0];
        for (size_t i = 1; i < count; i++) {
            low = values[i] < low ? values[i] : low;
            high = values[i] > high ? values[i] : high;
        }
        if (low == high) return (Edge){low, above};
        const size_t bins = count < BINS ? count + 1 : BINS;
        const double scale = (bins - 1) / ((double)high - low); /* so the largest and the smallest are kept apart */
        double mass[BINS] = {0};
        for (size_t i = 0; i < count; i++) mass[(size_t)((high - (double)values[i]) * scale)] += masses ? masses[i] : 1;
        size_t bin = 0, next = 0;
        while (next < bins && above + mass[bin] < wanted) {
            for (next = bin + 1; next < bins && mass[next] == 0; next++) {}
            if (next == bins) break; /* rounding, or there is less mass than wanted: the last values are the edge */
            above += mass[bin];
            bin = next;
        }
        size_t left = 0;
        for (size_t i = 0; i < count; i++) {
            const float value = values[i];
            const int kept = (size_t)((high - (double)value) * scale) == bin;
            if (masses) masses_left[left] = masses[i];
            values_left[left] = value;
            left += kept;
        }
        values = values_left;
        if (masses) masses = masses_left;
        count = left;
    }
}
#endif
