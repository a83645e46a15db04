/* der(x) = -k x, forward Euler. */
#define TOKEN "{dahlquist}"
enum { TIME, X, K, REALS };

#include "cosim.h"

static void model_start(Values *m) {
    m->v[TIME] = 0;
    m->v[X] = 1;
    m->v[K] = 1;
}

static void model_outputs(Values *m) { (void)m; }

static const char *model_initialise(Values *m) {
    (void)m;
    return NULL;
}

static const char *model_step(Values *m, double h) {
    m->v[X] += h * (-m->v[K] * m->v[X]);
    return NULL;
}
