/* level follows feed at each step; goal is an input that nothing follows. */
#include <stddef.h>

#define TOKEN "{echo}"
enum { TIME, LEVEL, GOAL, FEED, REALS };

#include "cosim.h"

static void model_start(Values *m) {
    double *v = m->v;
    for (int k = 0; k < REALS; k++) v[k] = 0;
}

static void model_outputs(Values *m) { (void)m; }

static const char *model_initialise(Values *m) {
    (void)m;
    return NULL;
}

static const char *model_step(Values *m, double h) {
    double *v = m->v;
    (void)h;
    v[LEVEL] = v[FEED];
    return NULL;
}
