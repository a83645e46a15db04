/* y = a u + b, at once; n counts the steps. */
#include <stddef.h>

#define TOKEN "{gain}"
enum { TIME, U, A, B, Y, N, REALS };

#include "cosim.h"

static void model_start(Values *m) {
    for (int k = 0; k < REALS; k++) m->v[k] = 0;
    m->v[A] = 1;
}

static void model_outputs(Values *m) { m->v[Y] = m->v[A] * m->v[U] + m->v[B]; }

static const char *model_initialise(Values *m) {
    (void)m;
    return NULL;
}

static const char *model_step(Values *m, double h) {
    (void)h;
    m->v[N] += 1;
    return NULL;
}
