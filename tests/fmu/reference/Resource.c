/* y is the first byte of the file y.txt among the resources. */
#define TOKEN "{resource}"
#define INTEGERS 1
enum { TIME, REALS };
enum { Y };

#include "cosim.h"

static void model_start(Values *m) {
    m->v[TIME] = 0;
    m->i[Y] = 0;
}

static void model_outputs(Values *m) { (void)m; }

static const char *model_initialise(Values *m) {
    char path[sizeof m->resources + 8];
    sprintf(path, "%sy.txt", m->resources);
    FILE *file = fopen(path, "r");
    if (!file) return "the resource y.txt is not there";
    m->i[Y] = fgetc(file);
    fclose(file);
    return NULL;
}

static const char *model_step(Values *m, double h) {
    (void)m, (void)h;
    return NULL;
}
