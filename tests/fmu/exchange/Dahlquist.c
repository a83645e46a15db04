/* dx/dt = -k x + u; the closed form of u = 0 is exp(-k t). */
#define TOKEN "{dahlquist-me}"
#define MODEL_EXCHANGE
#define STATES 1
#define INDICATORS 0
#define STATE_REFERENCES {1}
enum { TIME, X, DER_X, K, U, REALS };

#include "cosim.h"

static void model_start(Values *m) {
    m->v[X] = 1;
    m->v[K] = 1;
    m->v[U] = 0;
}
static void model_outputs(Values *m) { m->v[DER_X] = -m->v[K] * m->v[X] + m->v[U]; }
static const char *model_initialise(Values *m) {
    (void)m;
    return NULL;
}
static void model_derivatives(Values *m, double dx[]) { dx[0] = -m->v[K] * m->v[X] + m->v[U]; }
static void model_indicators(Values *m, double z[]) { (void)m, (void)z; }
static void model_event(Values *m, Event *e) { (void)m, (void)e; }
static int model_completed(Values *m) {
    (void)m;
    return 0;
}
