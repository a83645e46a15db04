/* A first-order lag, dx/dt = (u - x) / T, by one Euler step. */
#include <stdlib.h>
#include <string.h>

#include "fmi2Functions.h"

enum { U, T, X, REALS };
typedef struct { double v[REALS]; } Lag;

const char *fmi2GetTypesPlatform(void) { return fmi2TypesPlatform; }
const char *fmi2GetVersion(void) { return fmi2Version; }

fmi2Component fmi2Instantiate(fmi2String name, fmi2Type type, fmi2String guid, fmi2String resources,
                              const fmi2CallbackFunctions *functions, fmi2Boolean visible, fmi2Boolean logging) {
    (void)name, (void)type, (void)guid, (void)resources, (void)functions, (void)visible, (void)logging;
    Lag *lag = calloc(1, sizeof *lag);
    if (lag) lag->v[T] = 1.0;
    return lag;
}

void fmi2FreeInstance(fmi2Component c) { free(c); }

fmi2Status fmi2SetupExperiment(fmi2Component c, fmi2Boolean hasTolerance, fmi2Real tolerance, fmi2Real start,
                               fmi2Boolean hasStop, fmi2Real stop) {
    (void)c, (void)hasTolerance, (void)tolerance, (void)start, (void)hasStop, (void)stop;
    return fmi2OK;
}

fmi2Status fmi2EnterInitializationMode(fmi2Component c) { return c ? fmi2OK : fmi2Error; }
fmi2Status fmi2ExitInitializationMode(fmi2Component c) { return c ? fmi2OK : fmi2Error; }
fmi2Status fmi2Terminate(fmi2Component c) { return c ? fmi2OK : fmi2Error; }

fmi2Status fmi2Reset(fmi2Component c) {
    memset(c, 0, sizeof(Lag));
    ((Lag *)c)->v[T] = 1.0;
    return fmi2OK;
}

fmi2Status fmi2GetReal(fmi2Component c, const fmi2ValueReference r[], size_t n, fmi2Real values[]) {
    for (size_t k = 0; k < n; k++) values[k] = ((Lag *)c)->v[r[k]];
    return fmi2OK;
}

fmi2Status fmi2SetReal(fmi2Component c, const fmi2ValueReference r[], size_t n, const fmi2Real values[]) {
    for (size_t k = 0; k < n; k++) ((Lag *)c)->v[r[k]] = values[k];
    return fmi2OK;
}

fmi2Status fmi2DoStep(fmi2Component c, fmi2Real time, fmi2Real step, fmi2Boolean noSetState) {
    (void)time, (void)noSetState;
    double *v = ((Lag *)c)->v;
    v[X] += step * (v[U] - v[X]) / v[T];
    return fmi2OK;
}

fmi2Status fmi2GetFMUstate(fmi2Component c, fmi2FMUstate *state) {
    if (!*state) *state = malloc(sizeof(Lag));
    if (!*state) return fmi2Error;
    memcpy(*state, c, sizeof(Lag));
    return fmi2OK;
}

fmi2Status fmi2SetFMUstate(fmi2Component c, fmi2FMUstate state) {
    memcpy(c, state, sizeof(Lag));
    return fmi2OK;
}

fmi2Status fmi2FreeFMUstate(fmi2Component c, fmi2FMUstate *state) {
    (void)c;
    free(*state);
    *state = NULL;
    return fmi2OK;
}
