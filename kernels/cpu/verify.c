/* The test of drafts against the target's logits (Leviathan et al. 2023; Chen et al. 2023).
 *
 * A draft x is accepted where uniform · q(x) < p(x). At the first one that is not, a token is drawn from max(p - q, 0);
 * where all are accepted, from the last row's p. */
#include "crew.h"
#include "filtered.h"

typedef struct {
    size_t first, drafts; /* its rows in `wanted`: one for each draft, with the number to test it, then one more */
    const double *q;      /* [drafts, vocab], what the drafts were drawn from; NULL: they were certain */
} Proposal;

typedef struct {
    int64_t accepted, token;
} Verdict;

typedef struct {
    const float *logits; /* [rows, vocab], rows `stride` apart */
    const Wanted *wanted;
    const Proposal *proposals;
    Verdict *verdicts;
    size_t vocab, stride;
} Work;

static double probability_of(size_t token, Kept kept) {
    size_t low = 0, high = kept.count;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (token_at(kept, middle) < token) low = middle + 1;
        else high = middle;
    }
    return low < kept.count && token_at(kept, low) == token ? kept.weights[low] / kept.total : 0;
}

/* max(p - q, 0) for q [vocab]; with NULL, q is 1 at `draft`. */
static Kept residual_of(Kept kept, const double *q, size_t draft, float *weights) {
    for (size_t i = 0; i < kept.count; i++) {
        const size_t token = token_at(kept, i);
        const double left = kept.weights[i] / kept.total - (q ? q[token] : token == draft);
        weights[i] = left > 0 ? (float)left : 0;
    }
    const Kept residual = {kept.count, sum_of(weights, kept.count), kept.ids, weights};
    /* Where nothing is left, p equals q up to rounding, and a draw from p is the same. */
    return residual.total > 0 ? residual : kept;
}

static void compute_verdict(const void *given, size_t chunk, char *own) {
    const Work *work = given;
    const Proposal proposal = work->proposals[chunk];
    const Wanted *wanted = work->wanted + proposal.first;
    const Scratch scratch = scratch_at(own + sizeof(Verdict), work->vocab);
    Kept kept;
    size_t place = 0;
    for (;; place++) {
        const float *row = work->logits + (size_t)wanted[place].row * work->stride;
        kept = kept_of(row, work->vocab, survey_of(row, work->vocab, scratch), wanted[place], scratch);
        if (place == proposal.drafts) break;
        const size_t draft = (size_t)wanted[place].token;
        const double *q = proposal.q ? proposal.q + place * work->vocab : NULL;
        /* Strictly less: a token with p = 0 never passes, even with the number 0. */
        if (wanted[place].uniform * (q ? q[draft] : 1) < probability_of(draft, kept)) continue;
        kept = residual_of(kept, q, draft, scratch.some_weights);
        break;
    }
    const size_t token = token_at(kept, draw(kept, wanted[proposal.drafts].uniform));
    *(Verdict *)own = (Verdict){(int64_t)place, (int64_t)token};
}

static void commit_verdict(const void *given, size_t chunk, const char *own) {
    memcpy(((const Work *)given)->verdicts + chunk, own, sizeof(Verdict));
}

/* A verdict for each of `count` proposals. Returns 0, or -1 where there was no memory, or 1 where the logits
 * [rows, vocab] have no such row or token. */
int verify_float32(const float *logits, const Wanted *wanted, const Proposal *proposals, Verdict *verdicts,
                   size_t count, size_t rows, size_t vocab, size_t stride, int threads) {
    for (size_t i = 0; i < count; i++)
        if (!all_there(wanted + proposals[i].first, proposals[i].drafts + 1, rows, vocab)) return 1;
    const Work work = {logits, wanted, proposals, verdicts, vocab, stride};
    const Operation operation = {NULL, compute_verdict, commit_verdict, &work, count, patience_of(64 * vocab)};
    return crew_run(&operation, 1, sizeof(Verdict) + scratch_bytes(vocab), threads, NULL);
}
