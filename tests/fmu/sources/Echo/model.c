/* level follows feed at each step; goal is an input that nothing follows. */
#include <stddef.h>

#define TOKEN "{echo}"
enum { TIME, LEVEL, GOAL, FEED, REALS };

static void model_start(double *v) {
    for (int k = 0; k < REALS; k++) v[k] = 0;
}

static void model_outputs(double *v) { (void)v; }

static const char *model_initialise(double *v) {
    (void)v;
    return NULL;
}

static const char *model_step(double *v, double h) {
    (void)h;
    v[LEVEL] = v[FEED];
    return NULL;
}

#include "cosim3.h"
