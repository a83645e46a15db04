/* An upright tank with an inflow and an outlet whose flow goes with the level:
 *
 *   area dlevel/dt = inflow - outflow,   outflow = valve * conductance * level
 *
 * The outlet is linear (laminar flow). Inputs are constant over a step, and a step computes the closed solution
 *
 *   with k = valve * conductance / area:   level(t+h) = level(t) exp(-k h) + inflow / area * (1 - exp(-k h)) / k
 *
 * which for a closed valve is level(t) + inflow / area * h. At the rim the tank spills: the level stays at `height`.
 */
#include <math.h>
#include <stddef.h>

#define TOKEN "{b7c1f7a4-90b4-4a52-8a0e-1f5d3f0a7702}"
enum { TIME, INFLOW, VALVE, LEVEL, OUTFLOW, AREA, CONDUCTANCE, HEIGHT, LEVEL_START, REALS };

#include "cosim.h"

static void model_start(Values *m) {
    double *v = m->v;
    v[TIME] = 0;
    v[INFLOW] = 0;
    v[VALVE] = 1;
    v[LEVEL] = 1;
    v[OUTFLOW] = 0;
    v[AREA] = 2;
    v[CONDUCTANCE] = 0.01;
    v[HEIGHT] = 4;
    v[LEVEL_START] = 1;
}

static void model_outputs(Values *m) {
    double *v = m->v;
    v[OUTFLOW] = v[VALVE] * v[CONDUCTANCE] * v[LEVEL];
}

static const char *model_initialise(Values *m) {
    double *v = m->v;
    if (!(v[AREA] > 0)) return "area must be greater than 0 m2";
    if (!(v[CONDUCTANCE] >= 0)) return "conductance must not be less than 0 m2/s";
    if (!(v[LEVEL_START] >= 0 && v[LEVEL_START] <= v[HEIGHT])) return "level_start must lie between 0 m and height";
    v[LEVEL] = v[LEVEL_START];
    return NULL;
}

static const char *model_step(Values *m, double h) {
    double *v = m->v;
    if (!(v[INFLOW] >= 0)) return "inflow must not be less than 0 m3/s";
    if (!(v[VALVE] >= 0 && v[VALVE] <= 1)) return "valve must lie between 0 and 1";
    double k = v[VALVE] * v[CONDUCTANCE] / v[AREA];
    double grown = k > 0 ? -expm1(-k * h) / k : h;
    v[LEVEL] = fmin(v[HEIGHT], v[LEVEL] * exp(-k * h) + v[INFLOW] / v[AREA] * grown);
    return NULL;
}
