/* dx/dt = -sign(x - u) with a dead band of width; without one it chatters.  It asks for some more events after
 * steps of the integrator. */
#define TOKEN "{relay-me}"
#define MODEL_EXCHANGE
#define STATES 1
#define INDICATORS 2
#define STATE_REFERENCES {1}
enum { TIME, X, DER_X, U, WIDTH, REALS };
#define INTEGERS 3 /* direction, how often it switched, for how many events it asks yet */

#include "cosim.h"

static void model_start(Values *m) {
    m->v[X] = 0.5;
    m->v[WIDTH] = 0.2;
    m->i[0] = -1;
}
static void model_derivatives(Values *m, double dx[]) { dx[0] = (double)m->i[0]; }
static void model_outputs(Values *m) { m->v[DER_X] = (double)m->i[0]; }
static const char *model_initialise(Values *m) {
    (void)m;
    return NULL;
}
static void model_indicators(Values *m, double z[]) {
    z[0] = m->v[X] - m->v[U] - m->v[WIDTH] / 2;
    z[1] = m->v[X] - m->v[U] + m->v[WIDTH] / 2;
}
static void model_event(Values *m, Event *e) {
    double away = m->v[X] - m->v[U];
    (void)e;
    if (m->i[0] > 0 && away > m->v[WIDTH] / 2) m->i[0] = -1, m->i[1]++;
    else if (m->i[0] < 0 && away <= -m->v[WIDTH] / 2) m->i[0] = 1, m->i[1]++;
    if (m->i[2]) m->i[2]--, m->i[1]++;
}
static int model_completed(Values *m) { return m->i[2] > 0; }
