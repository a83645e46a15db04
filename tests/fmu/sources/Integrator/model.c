/* dx/dt = u, of which the derivatives may be given: exact for inputs that are polynomials of the second order. */
#include <stdlib.h>
#include <string.h>

#include "fmi2Functions.h"

enum { U, D1, D2, X, REALS };
typedef struct { double v[REALS]; } Integrator;

const char *fmi2GetTypesPlatform(void) { return fmi2TypesPlatform; }
const char *fmi2GetVersion(void) { return fmi2Version; }

fmi2Component fmi2Instantiate(fmi2String name, fmi2Type type, fmi2String guid, fmi2String resources,
                              const fmi2CallbackFunctions *functions, fmi2Boolean visible, fmi2Boolean logging) {
    (void)name, (void)type, (void)guid, (void)resources, (void)functions, (void)visible, (void)logging;
    Integrator *me = calloc(1, sizeof *me);
    return me;
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
    memset(c, 0, sizeof(Integrator));
    return fmi2OK;
}

fmi2Status fmi2GetReal(fmi2Component c, const fmi2ValueReference r[], size_t n, fmi2Real values[]) {
    for (size_t k = 0; k < n; k++) values[k] = ((Integrator *)c)->v[r[k]];
    return fmi2OK;
}

fmi2Status fmi2SetReal(fmi2Component c, const fmi2ValueReference r[], size_t n, const fmi2Real values[]) {
    for (size_t k = 0; k < n; k++) ((Integrator *)c)->v[r[k]] = values[k];
    return fmi2OK;
}

fmi2Status fmi2SetRealInputDerivatives(fmi2Component c, const fmi2ValueReference r[], size_t n, const fmi2Integer order[],
                                       const fmi2Real values[]) {
    for (size_t k = 0; k < n; k++) {
        if (r[k] != U || order[k] < 1 || order[k] > 2) return fmi2Error;
        ((Integrator *)c)->v[order[k]] = values[k];
    }
    return fmi2OK;
}

fmi2Status fmi2DoStep(fmi2Component c, fmi2Real time, fmi2Real step, fmi2Boolean noSetState) {
    (void)time, (void)noSetState;
    double *v = ((Integrator *)c)->v;
    v[X] += step * (v[U] + step * (v[D1] / 2 + step * v[D2] / 6));
    return fmi2OK;
}

fmi2Status fmi2GetFMUstate(fmi2Component c, fmi2FMUstate *state) {
    if (!*state) *state = malloc(sizeof(Integrator));
    if (!*state) return fmi2Error;
    memcpy(*state, c, sizeof(Integrator));
    return fmi2OK;
}

fmi2Status fmi2SetFMUstate(fmi2Component c, fmi2FMUstate state) {
    memcpy(c, state, sizeof(Integrator));
    return fmi2OK;
}

fmi2Status fmi2FreeFMUstate(fmi2Component c, fmi2FMUstate *state) {
    (void)c;
    free(*state);
    *state = NULL;
    return fmi2OK;
}
