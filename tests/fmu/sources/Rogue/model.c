/* Misbehaves in the way that the parameter `mode` says, once time has reached `when`. */
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOKEN "{rogue}"
enum { TIME, MODE, WHEN, OUT, REALS };

#include "cosim.h"

static void model_start(Values *m) {
    double *v = m->v;
    v[TIME] = v[MODE] = v[WHEN] = v[OUT] = 0;
}

static void model_outputs(Values *m) { (void)m; }

static const char *model_initialise(Values *m) { return m->v[MODE] == 9 ? "mode 9 refuses to start" : NULL; }

static const char *model_step(Values *m, double h) {
    double *v = m->v;
    v[OUT] += h;
    if (v[TIME] < v[WHEN]) return NULL;
    switch ((int)v[MODE]) {
    case 1:
        *(volatile int *)16 = 1; /* segmentation fault */
        break;
    case 2:
        for (volatile int stay = 1; stay;) {
        }
        break;
    case 3:
        fprintf(stderr, "the rogue gives up\n");
        abort();
    case 4:
        exit(7);
    case 5:
        for (;;) {
            char *more = malloc(1 << 24);
            if (!more) abort();
            memset(more, 1, 1 << 24);
        }
    case 6:
        return "the rogue says no";
    case 7:
        v[OUT] = NAN;
        break;
    case 8:
        for (int k = 0; k < 200000; k++) puts("chatter chatter chatter chatter chatter chatter");
        break;
    }
    return NULL;
}
