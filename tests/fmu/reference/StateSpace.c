/* der(x) = A x + B u, y = C x + D u with up to 5 of each, forward Euler in steps of 1 ms. */
#include <math.h>

#define TOKEN "{statespace}"
#define INTEGERS 3
#define ARRAYS
#define MOST 5
enum { TIME, A, B = A + MOST * MOST, C = B + MOST * MOST, D = C + MOST * MOST, X0 = D + MOST * MOST, U = X0 + MOST,
       Y = U + MOST, X = Y + MOST, REALS = X + MOST };
enum { INPUTS, STATES, OUTPUTS };

#include "cosim.h"

static size_t model_size(const Values *m, unsigned reference) {
    size_t inputs = (size_t)m->i[INPUTS], states = (size_t)m->i[STATES], outputs = (size_t)m->i[OUTPUTS];
    switch (reference) {
    case A: return states * states;
    case B: return states * inputs;
    case C: return outputs * states;
    case D: return outputs * inputs;
    case X0: case X: return states;
    case U: return inputs;
    case Y: return outputs;
    default: return 1;
    }
}

static void model_start(Values *m) {
    for (int k = 0; k < REALS; k++) m->v[k] = 0;
    m->i[INPUTS] = m->i[STATES] = m->i[OUTPUTS] = 3;
    for (int k = 0; k < 3; k++) {
        m->v[A + 4 * k] = m->v[B + 4 * k] = m->v[C + 4 * k] = m->v[D + 4 * k] = 1;
        m->v[U + k] = k + 1;
    }
}

/* to = M a + N b, M with `columns` columns, N with `others` */
static void combine(double *to, int64_t rows, const double *M, const double *a, int64_t columns, const double *N,
                    const double *b, int64_t others) {
    for (int64_t r = 0; r < rows; r++) {
        to[r] = 0;
        for (int64_t c = 0; c < columns; c++) to[r] += M[r * columns + c] * a[c];
        for (int64_t c = 0; c < others; c++) to[r] += N[r * others + c] * b[c];
    }
}

static void model_outputs(Values *m) {
    double *v = m->v;
    combine(v + Y, m->i[OUTPUTS], v + C, v + X, m->i[STATES], v + D, v + U, m->i[INPUTS]);
}

static const char *model_initialise(Values *m) {
    for (int k = 0; k < MOST; k++) m->v[X + k] = m->v[X0 + k];
    return NULL;
}

static const char *model_step(Values *m, double h) {
    double *v = m->v, slope[MOST];
    long steps = lround(h / 1e-3);
    for (long s = 0; s < steps; s++) {
        combine(slope, m->i[STATES], v + A, v + X, m->i[STATES], v + B, v + U, m->i[INPUTS]);
        for (int64_t k = 0; k < m->i[STATES]; k++) v[X + k] += 1e-3 * slope[k];
    }
    return NULL;
}
