/* y = k * u + bare, and a whole number, a boolean and an item of an enumeration that are given on. */
#include <stddef.h>

#define TOKEN "{relay}"
#define INTEGERS 6
enum { TIME, U, Y, K, BARE, REALS };

#include "cosim.h"

static void model_start(Values *m) {
    for (int k = 0; k < REALS; k++) m->v[k] = 0;
    for (int k = 0; k < INTEGERS; k++) m->i[k] = 0;
    m->v[K] = 1;
    m->i[4] = m->i[5] = 1;
}

static void model_outputs(Values *m) {
    m->v[Y] = m->v[K] * m->v[U] + m->v[BARE];
    for (int k = 0; k < INTEGERS; k += 2) m->i[k + 1] = m->i[k];
}

static const char *model_initialise(Values *m) {
    (void)m;
    return NULL;
}

static const char *model_step(Values *m, double h) {
    (void)m, (void)h;
    return NULL;
}
