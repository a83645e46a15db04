/* A ball that falls and bounces, forward Euler in steps of 1 ms; below v_min it stays down. */
#include <float.h>
#include <math.h>

#define TOKEN "{bouncingball}"
enum { TIME, H, V, G, E, V_MIN, REALS };

#include "cosim.h"

static void model_start(Values *m) {
    m->v[TIME] = 0;
    m->v[H] = 1;
    m->v[V] = 0;
    m->v[G] = -9.81;
    m->v[E] = 0.7;
    m->v[V_MIN] = 0.1;
}

static void model_outputs(Values *m) { (void)m; }

static const char *model_initialise(Values *m) {
    (void)m;
    return NULL;
}

static const char *model_step(Values *m, double h) {
    double *v = m->v;
    long steps = lround(h / 1e-3);
    for (long k = 0; k < steps; k++) {
        double fall = v[V];
        v[H] += 1e-3 * fall;
        v[V] += 1e-3 * v[G];
        if (v[H] <= 0 && v[V] < 0) {
            v[H] = DBL_MIN;
            v[V] = -v[V] * v[E];
            if (v[V] < v[V_MIN]) v[V] = v[G] = 0;
        }
    }
    return NULL;
}
