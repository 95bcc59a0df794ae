/* The distribution that a row's next token is drawn from: temperature, filters, draw.
 *
 * The vocabulary is never sorted. Every filter ends in a smallest logit that is kept; only top-p also tells equal ones
 * apart, and keeps those with the lower ids. The tokens that can still be kept are collected in the order of ids, with
 * weights e^((x - largest) / temperature) in float32 and their sums in float64. */
#ifndef FILTERED_H
#define FILTERED_H
#include "exponential.h"
#include "selection.h"
#include "vectors.h"
#include <float.h>

enum { BLOCK = 64, PIECE = 512, HALF = LANES / 2 };
static const float TINY = -87.0f; /* below this y, e^y counts as 0 */

typedef float Floats __attribute__((vector_size(4 * HALF)));
typedef double Doubles __attribute__((vector_size(8 * HALF)));

/* What is wanted of a row. All are float64, so that the caller can write them at once. */
typedef struct {
    double row;         /* its place in the logits */
    double token;       /* a draft to test, or the token to describe; below 0: draw one */
    double temperature; /* 0: the likeliest token */
    double uniform;     /* in [0, 1) */
    double min_p, top_k, top_p; /* neutral: 0, 0, 1 */
} Wanted;

/* Whether there are all these rows and tokens in logits [rows, vocab]. */
static int all_there(const Wanted *wanted, size_t count, size_t rows, size_t vocab) {
    for (size_t i = 0; i < count; i++)
        if (!(wanted[i].row >= 0 && wanted[i].row < (double)rows && wanted[i].token < (double)vocab)) return 0;
    return 1;
}

/* A thread's own memory for one row. */
typedef struct {
    float *maxima;  /* of each BLOCK of logits, but never -inf */
    int32_t *ids;   /* the tokens that were collected, their logits and weights */
    float *logits, *weights;
    float *some_logits, *some_weights; /* for the search of an edge */
} Scratch;

/* A row at temperature 1, y = x - largest. */
typedef struct {
    float largest;
    double exponentials, products; /* Σ e^y, Σ y e^y */
} Survey;

/* The tokens that a draw chooses from, in the order of ids. */
typedef struct {
    size_t count;
    double total; /* the sum of their weights */
    const int32_t *ids; /* NULL: all tokens */
    const float *weights;
} Kept;

INLINE size_t token_at(Kept kept, size_t place) { return kept.ids ? (size_t)kept.ids[place] : place; }

INLINE size_t least_of(size_t a, size_t b) { return a < b ? a : b; }
INLINE size_t blocks_of(size_t vocab) { return (vocab + BLOCK - 1) / BLOCK; }

static size_t scratch_bytes(size_t vocab) { return (blocks_of(vocab) + 5 * vocab) * sizeof(float); }

static Scratch scratch_at(char *own, size_t vocab) {
    float *maxima = (float *)own, *ids = maxima + blocks_of(vocab), *logits = ids + vocab, *some = logits + 2 * vocab;
    return (Scratch){maxima, (int32_t *)ids, logits, logits + vocab, some, some + vocab};
}

static double sum_of(const float *values, size_t count) {
    Doubles sums[4] = {0}; /* so many that no addition waits for the one before */
    double total = 0;
    size_t i = 0;
    for (; i + 4 * HALF <= count; i += 4 * HALF)
        for (int part = 0; part < 4; part++) {
            Floats some;
            memcpy(&some, values + i + part * HALF, sizeof some);
            sums[part] += __builtin_convertvector(some, Doubles);
        }
    for (; i < count; i++) total += values[i];
    sums[0] = (sums[0] + sums[1]) + (sums[2] + sums[3]);
    for (int lane = 0; lane < HALF; lane++) total += sums[0][lane];
    return total;
}

/* The largest of BLOCK floats; a NaN may be passed over. */
INLINE float largest_of(const float *x) {
    float best[BLOCK / 2];
    for (int i = 0; i < BLOCK / 2; i++) best[i] = x[i] > x[i + BLOCK / 2] ? x[i] : x[i + BLOCK / 2];
    for (int i = 0; i < BLOCK / 4; i++) best[i] = best[i] > best[i + BLOCK / 4] ? best[i] : best[i + BLOCK / 4];
    for (int i = 0; i < BLOCK / 8; i++) best[i] = best[i] > best[i + BLOCK / 8] ? best[i] : best[i + BLOCK / 8];
    for (int i = 0; i < BLOCK / 16; i++) best[i] = best[i] > best[i + BLOCK / 16] ? best[i] : best[i + BLOCK / 16];
    for (int i = 1; i < BLOCK / 16; i++) best[0] = best[i] > best[0] ? best[i] : best[0];
    return best[0] > -FLT_MAX ? best[0] : -FLT_MAX;
}

/* The largest logit of the row and of each block. */
static float find_maxima(const float *row, size_t vocab, float *maxima) {
    float largest = -FLT_MAX;
    for (size_t at = 0; at < vocab; at += BLOCK) {
        float block = -FLT_MAX;
        if (at + BLOCK <= vocab) block = largest_of(row + at);
        else
            for (size_t i = at; i < vocab; i++) block = row[i] > block ? row[i] : block;
        maxima[at / BLOCK] = block;
        largest = block > largest ? block : largest;
    }
    return largest;
}

/* The first of the tokens with the largest logit; token 0 where there is none. */
static size_t first_with(float largest, const float *row, size_t vocab, const float *maxima) {
    for (size_t block = 0; block < blocks_of(vocab); block++)
        if (maxima[block] == largest)
            for (size_t i = block * BLOCK; i < least_of(vocab, (block + 1) * BLOCK); i++)
                if (row[i] == largest) return i;
    return 0;
}

/* e^y, NaN for NaN. */
INLINE float weight_of(float y) { return y < TINY ? 0.0f : exponential(y); }

/* weights[i] = e^((x[i] - largest) · scale) for `count` logits x; returns their sum. */
static double weigh(const float *x, float *weights, size_t count, float largest, float scale) {
    for (size_t i = 0; i < count; i++) weights[i] = weight_of((x[i] - largest) * scale);
    return sum_of(weights, count);
}

/* Of a whole row. A logit of -inf adds nothing to the sums; NaN or +inf make both NaN. */
static Survey survey_of(const float *row, size_t vocab, Scratch own) {
    Survey survey = {find_maxima(row, vocab, own.maxima), 0, 0};
    for (size_t at = 0; at < vocab; at += PIECE) {
        const size_t count = least_of(PIECE, vocab - at);
        float e[PIECE], y_e[PIECE];
        for (size_t i = 0; i < count; i++) {
            const float y = row[at + i] - survey.largest;
            e[i] = weight_of(y);
            y_e[i] = y < TINY ? 0.0f : y * e[i];
        }
        survey.exponentials += sum_of(e, count);
        survey.products += sum_of(y_e, count);
    }
    return survey;
}

/* Collect the tokens with at least this logit. */
static size_t collect(const float *row, size_t vocab, float smallest, Scratch own) {
    size_t count = 0;
    for (size_t at = 0; at < vocab; at += BLOCK) {
        if (own.maxima[at / BLOCK] < smallest) continue;
        for (size_t i = at; i < least_of(vocab, at + BLOCK); i++) {
            own.ids[count] = (int32_t)i;
            own.logits[count] = row[i];
            count += row[i] >= smallest;
        }
    }
    return count;
}

/* The k-th largest logit; -FLT_MAX where no more than k are finite. */
static float kth_largest(const float *row, size_t vocab, size_t k, Scratch own) {
    const size_t blocks = blocks_of(vocab);
    float smallest = -FLT_MAX;
    if (k <= blocks) smallest = edge_of(own.maxima, NULL, blocks, (double)k, own.some_logits, NULL).value;
    const size_t count = collect(row, vocab, smallest, own); /* k blocks have a logit of at least that */
    return count <= k ? smallest : edge_of(own.logits, NULL, count, (double)k, own.some_logits, NULL).value;
}

/* Keep, of `count` collected tokens with weights, the likeliest that have together a mass of `wanted`, at least one. */
static Kept keep_mass(Scratch own, size_t count, double wanted) {
    const Edge edge = edge_of(own.logits, own.weights, count, wanted, own.some_logits, own.some_weights);
    Kept kept = {0, 0, own.ids, own.weights};
    double above = edge.above;
    for (size_t i = 0; i < count; i++) {
        int stays = own.logits[i] > edge.value;
        if (own.logits[i] == edge.value) {
            stays = above == edge.above || above < wanted;
            above += own.weights[i];
        }
        own.ids[kept.count] = own.ids[i];
        own.weights[kept.count] = own.weights[i];
        kept.count += stays;
    }
    kept.total = sum_of(own.weights, kept.count);
    return kept;
}

/* Apply temperature and filters. */
static Kept filter(const float *row, size_t vocab, float largest, Wanted wanted, Scratch own) {
    const float scale = (float)(1 / wanted.temperature);
    float smallest = -FLT_MAX;
    if (wanted.min_p > 0) {
        const float edge = (float)(largest + wanted.temperature * log(wanted.min_p));
        smallest = edge > smallest ? edge : smallest;
    }
    if (wanted.top_k >= 1 && wanted.top_k < (double)vocab) {
        const float edge = kth_largest(row, vocab, (size_t)wanted.top_k, own);
        smallest = edge > smallest ? edge : smallest;
    }
    double total = 0;
    if (smallest == -FLT_MAX) total = weigh(row, own.weights, vocab, largest, scale);
    if (smallest == -FLT_MAX && wanted.top_p >= 1) return (Kept){vocab, total, NULL, own.weights};
    if (smallest == -FLT_MAX) {
        /* All that is below the cutoff, at most `vocab` tokens, has no more than half of the mass that top-p drops. */
        const double cutoff = log(0.5 * (1 - wanted.top_p) * total / vocab);
        smallest = (float)(largest + wanted.temperature * (cutoff < 0 ? cutoff : 0));
        smallest = smallest > -FLT_MAX ? smallest : -FLT_MAX;
    }
    const size_t count = collect(row, vocab, smallest, own);
    const double collected = weigh(own.logits, own.weights, count, largest, scale);
    if (wanted.top_p >= 1) return (Kept){count, collected, own.ids, own.weights};
    return keep_mass(own, count, wanted.top_p * (total > 0 ? total : collected));
}

/* The place of the first kept token at which the sum of weights, in the order of ids, passes its share `uniform`. */
static size_t draw(Kept kept, double uniform) {
    const double passed = uniform * kept.total;
    double before = 0;
    size_t end = 0;
    while (end < kept.count) {
        const size_t at = end;
        end = least_of(kept.count, at + BLOCK);
        const double sum = sum_of(kept.weights + at, end - at);
        if (before + sum > passed) {
            for (size_t i = at; i < end; i++)
                if ((before += kept.weights[i]) > passed) return i;
            break;
        }
        before += sum;
    }
    while (end > 1 && !(kept.weights[end - 1] > 0)) end--; /* rounding: the last one there that can come */
    return end - 1;
}

/* What a row's token is drawn from: one token where it is greedy, and where the row is no distribution. */
static Kept kept_of(const float *row, size_t vocab, Survey survey, Wanted wanted, Scratch own) {
    const int sound = survey.exponentials > 0;
    if (sound && wanted.temperature > 0) return filter(row, vocab, survey.largest, wanted, own);
    own.ids[0] = (int32_t)first_with(survey.largest, row, vocab, own.maxima);
    own.weights[0] = 1;
    return (Kept){1, sound ? 1 : NAN, own.ids, own.weights};
}
#endif
