/* FMI 3.0 co-simulation with a matrix u[2][n] and its transpose y[n][2] = gain * u', n a tunable structural parameter;
 * an array of two binaries that come out swapped; and derivatives of y with respect to u. */
#include <stdlib.h>
#include <string.h>

#include "fmi3Functions.h"

#define MOST 8
enum { N = 1, GAIN = 2, U = 100, Y = 200, IN = 300, OUT = 301 };

typedef struct {
    fmi3UInt64 n;
    double gain, u[2 * MOST];
    size_t sizes[2];
    unsigned char bytes[2][64];
    int configuring;
} Model;

const char *fmi3GetVersion(void) { return fmi3Version; }
fmi3Instance fmi3InstantiateCoSimulation(fmi3String name, fmi3String token, fmi3String path, fmi3Boolean visible,
                                         fmi3Boolean logging, fmi3Boolean events, fmi3Boolean early,
                                         const fmi3ValueReference required[], size_t n, fmi3InstanceEnvironment e,
                                         fmi3LogMessageCallback log, fmi3IntermediateUpdateCallback update) {
    (void)name, (void)token, (void)path, (void)visible, (void)logging, (void)events, (void)early, (void)required;
    (void)n, (void)e, (void)log, (void)update;
    Model *m = calloc(1, sizeof *m);
    m->n = 3, m->gain = 1;
    return m;
}
void fmi3FreeInstance(fmi3Instance i) { free(i); }
fmi3Status fmi3EnterInitializationMode(fmi3Instance i, fmi3Boolean a, fmi3Float64 b, fmi3Float64 s, fmi3Boolean c,
                                       fmi3Float64 d) {
    return (void)i, (void)a, (void)b, (void)s, (void)c, (void)d, fmi3OK;
}
fmi3Status fmi3ExitInitializationMode(fmi3Instance i) { return (void)i, fmi3OK; }
fmi3Status fmi3Terminate(fmi3Instance i) { return (void)i, fmi3OK; }
fmi3Status fmi3EnterConfigurationMode(fmi3Instance i) { return ((Model *)i)->configuring = 1, fmi3OK; }
fmi3Status fmi3ExitConfigurationMode(fmi3Instance i) { return ((Model *)i)->configuring = 0, fmi3OK; }

fmi3Status fmi3SetUInt64(fmi3Instance i, const fmi3ValueReference r[], size_t k, const fmi3UInt64 v[], size_t nv) {
    Model *m = i;
    (void)nv;
    if (!m->configuring || k != 1 || r[0] != N || v[0] > MOST) return fmi3Error;
    m->n = v[0];
    return fmi3OK;
}
fmi3Status fmi3GetUInt64(fmi3Instance i, const fmi3ValueReference r[], size_t k, fmi3UInt64 v[], size_t nv) {
    return (void)r, (void)k, (void)nv, v[0] = ((Model *)i)->n, fmi3OK;
}
fmi3Status fmi3SetFloat64(fmi3Instance i, const fmi3ValueReference r[], size_t k, const fmi3Float64 v[], size_t nv) {
    Model *m = i;
    size_t at = 0;
    for (size_t j = 0; j < k; j++) {
        if (r[j] == GAIN) m->gain = v[at++];
        else if (r[j] == U)
            for (size_t e = 0; e < 2 * m->n; e++) m->u[e] = v[at++];
        else return fmi3Error;
    }
    return at == nv ? fmi3OK : fmi3Error;
}
fmi3Status fmi3GetFloat64(fmi3Instance i, const fmi3ValueReference r[], size_t k, fmi3Float64 v[], size_t nv) {
    Model *m = i;
    size_t at = 0;
    for (size_t j = 0; j < k; j++) {
        if (r[j] == GAIN) v[at++] = m->gain;
        else
            for (size_t e = 0; e < 2 * m->n; e++) {
                size_t row = e / 2, column = e % 2;
                v[at++] = r[j] == U ? m->u[e] : m->gain * m->u[column * m->n + row];
            }
    }
    return at == nv ? fmi3OK : fmi3Error;
}
fmi3Status fmi3SetBinary(fmi3Instance i, const fmi3ValueReference r[], size_t k, const size_t sizes[],
                         const fmi3Binary v[], size_t nv) {
    Model *m = i;
    (void)k, (void)nv;
    if (r[0] != IN) return fmi3Error;
    for (int e = 0; e < 2; e++) memcpy(m->bytes[e], v[e], m->sizes[e] = sizes[e]);
    return fmi3OK;
}
fmi3Status fmi3GetBinary(fmi3Instance i, const fmi3ValueReference r[], size_t k, size_t sizes[], fmi3Binary v[],
                         size_t nv) {
    Model *m = i;
    (void)k, (void)nv;
    for (int e = 0; e < 2; e++) {
        int from = r[0] == OUT ? 1 - e : e;
        sizes[e] = m->sizes[from], v[e] = m->bytes[from];
    }
    return fmi3OK;
}
fmi3Status fmi3GetDirectionalDerivative(fmi3Instance i, const fmi3ValueReference unknowns[], size_t nu,
                                        const fmi3ValueReference knowns[], size_t nk, const fmi3Float64 seed[],
                                        size_t ns, fmi3Float64 found[], size_t nf) {
    Model *m = i;
    if (nu != 1 || nk != 1 || unknowns[0] != Y || knowns[0] != U || ns != 2 * m->n || nf != ns) return fmi3Error;
    for (size_t e = 0; e < nf; e++) found[e] = m->gain * seed[(e % 2) * m->n + e / 2];
    return fmi3OK;
}
fmi3Status fmi3GetAdjointDerivative(fmi3Instance i, const fmi3ValueReference unknowns[], size_t nu,
                                    const fmi3ValueReference knowns[], size_t nk, const fmi3Float64 seed[], size_t ns,
                                    fmi3Float64 found[], size_t nf) {
    Model *m = i;
    if (nu != 1 || nk != 1 || unknowns[0] != Y || knowns[0] != U || ns != 2 * m->n || nf != ns) return fmi3Error;
    for (size_t e = 0; e < ns; e++) found[(e % 2) * m->n + e / 2] = m->gain * seed[e];
    return fmi3OK;
}
fmi3Status fmi3DoStep(fmi3Instance i, fmi3Float64 from, fmi3Float64 step, fmi3Boolean noState, fmi3Boolean *event,
                      fmi3Boolean *ends, fmi3Boolean *early, fmi3Float64 *reached) {
    (void)i, (void)noState;
    *event = *ends = *early = fmi3False;
    *reached = from + step;
    return fmi3OK;
}
