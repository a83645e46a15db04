/* Every output is its input: pairs of value references, first the input. */
#define TOKEN "{feedthrough}"
#define INTEGERS 20
#define TEXTS 2
#define BLOBS 2
enum { TIME, REALS = 9 };

#include "cosim.h"

static void model_outputs(Values *m) {
    for (int k = 1; k < REALS; k += 2) m->v[k + 1] = m->v[k];
    for (int k = 0; k < INTEGERS; k += 2) m->i[k + 1] = m->i[k];
    strcpy(m->s[1], m->s[0]);
    m->b[1] = m->b[0];
}

static void model_start(Values *m) {
    for (int k = 0; k < REALS; k++) m->v[k] = 0;
    for (int k = 0; k < INTEGERS; k++) m->i[k] = 0;
    m->i[18] = 1;
    strcpy(m->s[0], "Set me!");
    m->b[0].size = 3;
    memcpy(m->b[0].bytes, "foo", 3);
}

static const char *model_initialise(Values *m) {
    (void)m;
    return NULL;
}

static const char *model_step(Values *m, double h) {
    (void)m, (void)h;
    return NULL;
}
