/* A ball that falls, bounces and, below v_min, stays down. */
#define TOKEN "{bouncingball-me}"
#define MODEL_EXCHANGE
#define STATES 2
#define INDICATORS 1
#define STATE_REFERENCES {1, 3}
enum { TIME, H, DER_H, V, DER_V, G, E, V_MIN, REALS };
#define INTEGERS 1

#include "cosim.h"

static void model_start(Values *m) {
    m->v[H] = 1;
    m->v[G] = -9.81;
    m->v[E] = 0.7;
    m->v[V_MIN] = 0.1;
}
static void model_derivatives(Values *m, double dx[]) {
    dx[0] = m->v[V];
    dx[1] = m->v[G];
}
static void model_outputs(Values *m) { model_derivatives(m, (double[2]){0}), m->v[DER_H] = m->v[V], m->v[DER_V] = m->v[G]; }
static const char *model_initialise(Values *m) {
    (void)m;
    return NULL;
}
static void model_indicators(Values *m, double z[]) { z[0] = m->v[H] == 0 && m->v[V] == 0 ? 1 : m->v[H]; }
static void model_event(Values *m, Event *e) {
    double *v = m->v;
    if (v[H] <= 0 && v[V] < 0) {
        m->i[0]++;
        v[H] = 0x1p-1022; /* just above the ground, so that its sign does not change again */
        v[V] = -v[V] * v[E];
        if (v[V] < v[V_MIN]) v[H] = v[V] = v[G] = 0;
        e->values = 1;
        e->again = 1;
    }
}
static int model_completed(Values *m) {
    (void)m;
    return 0;
}
