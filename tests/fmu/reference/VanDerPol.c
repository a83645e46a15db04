/* der(x0) = x1, der(x1) = mu (1 - x0 x0) x1 - x0, forward Euler. */
#define TOKEN "{vanderpol}"
enum { TIME, X0, X1, MU, REALS };

#include "cosim.h"

static void model_start(Values *m) {
    m->v[TIME] = 0;
    m->v[X0] = 2;
    m->v[X1] = 0;
    m->v[MU] = 1;
}

static void model_outputs(Values *m) { (void)m; }

static const char *model_initialise(Values *m) {
    (void)m;
    return NULL;
}

static const char *model_step(Values *m, double h) {
    double x0 = m->v[X0], x1 = m->v[X1];
    m->v[X0] += h * x1;
    m->v[X1] += h * (m->v[MU] * ((1 - x0 * x0) * x1) - x0);
    return NULL;
}
