/* Where a share of the largest values ends, without sorting them all. */
#ifndef SELECTION_H
#define SELECTION_H
#include "numbers.h"

enum { BINS = 512, SIDE_BY_SIDE = 64 };

typedef struct {
    float value;  /* the smallest value of the share */
    double above; /* the mass of all larger values */
} Edge;

/* The smallest and the largest of `count` values, at least 1. */
static void range_of(const float *values, size_t count, float *smallest, float *largest) {
    float low[SIDE_BY_SIDE], high[SIDE_BY_SIDE];
    for (size_t lane = 0; lane < SIDE_BY_SIDE; lane++) low[lane] = high[lane] = values[lane < count ? lane : 0];
    for (size_t at = 0; at + SIDE_BY_SIDE <= count; at += SIDE_BY_SIDE)
        for (size_t lane = 0; lane < SIDE_BY_SIDE; lane++) {
            const float value = values[at + lane];
            low[lane] = value < low[lane] ? value : low[lane];
            high[lane] = value > high[lane] ? value : high[lane];
        }
    for (size_t i = count / SIDE_BY_SIDE * SIDE_BY_SIDE; i < count; i++) {
        low[0] = values[i] < low[0] ? values[i] : low[0];
        high[0] = values[i] > high[0] ? values[i] : high[0];
    }
    for (size_t lane = 1; lane < SIDE_BY_SIDE; lane++) {
        low[0] = low[lane] < low[0] ? low[lane] : low[0];
        high[0] = high[lane] > high[0] ? high[lane] : high[0];
    }
    *smallest = low[0];
    *largest = high[0];
}

/* The largest values whose masses sum to `wanted`, or all of them where they do not: where this share ends.
 *
 * `masses` NULL: each value has mass 1, so `wanted` is a count. No value is NaN or infinite; `count` is at least 1.
 * `values_left` and `masses_left` are memory for `count` numbers each. The values are divided into bins of equal width;
 * the search goes on in the bin in which the sum is reached, until all values that are left are equal. */
static Edge edge_of(const float *values, const float *masses, size_t count, double wanted, float *values_left,
                    float *masses_left) {
    double above = 0;
    for (;;) {
        float low, high;
        range_of(values, count, &low, &high);
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
