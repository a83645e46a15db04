/* The oscillator of van der Pol: stiff where mu is large. */
#define TOKEN "{vanderpol-me}"
#define MODEL_EXCHANGE
#define PARTIALS
#define STATES 2
#define INDICATORS 0
#define STATE_REFERENCES {1, 3}
enum { TIME, X0, DER_X0, X1, DER_X1, MU, REALS };

#include "cosim.h"

static void model_start(Values *m) {
    m->v[X0] = 2;
    m->v[X1] = 0;
    m->v[MU] = 1;
}
static void model_derivatives(Values *m, double dx[]) {
    double *v = m->v;
    dx[0] = v[X1];
    dx[1] = v[MU] * (1 - v[X0] * v[X0]) * v[X1] - v[X0];
}
static void model_outputs(Values *m) {
    double dx[2];
    model_derivatives(m, dx);
    m->v[DER_X0] = dx[0];
    m->v[DER_X1] = dx[1];
}
static const char *model_initialise(Values *m) {
    (void)m;
    return NULL;
}
static void model_indicators(Values *m, double z[]) { (void)m, (void)z; }
static void model_event(Values *m, Event *e) { (void)m, (void)e; }
static int model_completed(Values *m) {
    (void)m;
    return 0;
}
static double model_partial(Values *m, unsigned unknown, unsigned known) {
    double *v = m->v;
    if (unknown == DER_X0) return known == X1;
    if (unknown != DER_X1) return 0;
    if (known == X0) return -2 * v[MU] * v[X0] * v[X1] - 1;
    return known == X1 ? v[MU] * (1 - v[X0] * v[X0]) : 0;
}
