/* A counter that goes up each second by time events, and ends at 10; it has no state. */
#define TOKEN "{stair-me}"
#define MODEL_EXCHANGE
#define STATES 0
#define INDICATORS 0
#define STATE_REFERENCES {0}
#define REALS 1
#define INTEGERS 1

#include "cosim.h"

static void model_start(Values *m) { m->i[0] = 1; }
static void model_derivatives(Values *m, double dx[]) { (void)m, (void)dx; }
static void model_outputs(Values *m) { (void)m; }
static const char *model_initialise(Values *m) {
    (void)m;
    return NULL;
}
static void model_indicators(Values *m, double z[]) { (void)m, (void)z; }
static void model_event(Values *m, Event *e) {
    if (m->v[0] >= (double)m->i[0] - 1e-9) m->i[0]++;
    e->ends = m->i[0] >= 10;
    e->next = (double)m->i[0];
}
static int model_completed(Values *m) {
    (void)m;
    return 0;
}
