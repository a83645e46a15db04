/* A counter that goes up each second; at 10 it asks to end. */
#define TOKEN "{stair}"
#define INTEGERS 1
#define ENDS
enum { TIME, REALS };
enum { COUNTER };

#include "cosim.h"

static void model_start(Values *m) {
    m->v[TIME] = 0;
    m->i[COUNTER] = 1;
}

static void model_outputs(Values *m) { (void)m; }

static const char *model_initialise(Values *m) {
    (void)m;
    return NULL;
}

static const char *model_step(Values *m, double h) {
    while (m->i[COUNTER] <= m->v[TIME] + h + 1e-9) m->i[COUNTER]++;
    return NULL;
}

static int model_ended(const Values *m) { return m->i[COUNTER] >= 10; }
