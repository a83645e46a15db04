/* FMI 3.0 co-simulation with clocks of every kind, event mode, early return and intermediate update.
 *
 * Each tick of `period` counts; every third one ticks the output clock `third`. A tick of `pulse` takes the value of
 * `sample` and starts a countdown of `delay` seconds, whose tick notes the time. At t = 0.33 the FMU has an event of
 * its own: it returns early there when it may.
 */
#include <stdlib.h>
#include <string.h>

#include "fmi3Functions.h"

enum { TIME, FIRED, DELAY, SAMPLE, TAKEN, REALS };
enum { TICKS = 20, PULSES, OWN, ROUNDS, LAST };
enum { PERIOD = 10, PULSE, THIRD, COUNTDOWN, CHANGING };

typedef struct {
    double v[REALS];
    int n[LAST - TICKS];
    int third, stepping, told, early, counts, counted;
    double interval;
    fmi3IntermediateUpdateCallback update;
    fmi3InstanceEnvironment environment;
    fmi3LogMessageCallback log;
} Model;

static fmi3Status no(Model *m, const char *why) {
    if (m->log) m->log(m->environment, fmi3Error, "logStatusError", why);
    return fmi3Error;
}

const char *fmi3GetVersion(void) { return fmi3Version; }

fmi3Instance fmi3InstantiateCoSimulation(fmi3String name, fmi3String token, fmi3String path, fmi3Boolean visible,
                                         fmi3Boolean logging, fmi3Boolean events, fmi3Boolean early,
                                         const fmi3ValueReference required[], size_t n, fmi3InstanceEnvironment e,
                                         fmi3LogMessageCallback log, fmi3IntermediateUpdateCallback update) {
    (void)name, (void)path, (void)visible, (void)logging, (void)required, (void)n;
    if (strcmp(token, "{clocked}") || !events) return NULL;
    Model *m = calloc(1, sizeof *m);
    m->v[DELAY] = 0.25, m->v[FIRED] = -1, m->interval = 0.5;
    m->environment = e, m->log = log, m->update = update, m->early = early;
    return m;
}

void fmi3FreeInstance(fmi3Instance i) { free(i); }
fmi3Status fmi3EnterInitializationMode(fmi3Instance i, fmi3Boolean a, fmi3Float64 b, fmi3Float64 start, fmi3Boolean c,
                                       fmi3Float64 d) {
    (void)a, (void)b, (void)c, (void)d;
    ((Model *)i)->v[TIME] = start;
    return fmi3OK;
}
fmi3Status fmi3ExitInitializationMode(fmi3Instance i) { return (void)i, fmi3OK; }
fmi3Status fmi3Terminate(fmi3Instance i) { return (void)i, fmi3OK; }
fmi3Status fmi3EnterEventMode(fmi3Instance i) {
    Model *m = i;
    if (!m->stepping) return no(m, "it is in the event mode already");
    m->stepping = 0;
    return fmi3OK;
}
fmi3Status fmi3EnterStepMode(fmi3Instance i) {
    Model *m = i;
    if (m->stepping) return no(m, "it is in the step mode already");
    m->stepping = 1;
    return fmi3OK;
}

fmi3Status fmi3SetClock(fmi3Instance i, const fmi3ValueReference r[], size_t n, const fmi3Clock values[]) {
    Model *m = i;
    if (m->stepping) return no(m, "a clock is set in the event mode only");
    for (size_t k = 0; k < n; k++) {
        if (!values[k]) continue;
        if (r[k] == PERIOD) m->third = ++m->n[0] % 3 == 0;
        else if (r[k] == PULSE) m->n[1]++, m->v[TAKEN] = m->v[SAMPLE], m->counts = 1;
        else if (r[k] == COUNTDOWN) m->v[FIRED] = m->v[TIME];
        else if (r[k] == CHANGING) m->counted++, m->interval += 0.1;
        else return no(m, "this clock cannot be set");
    }
    return fmi3OK;
}

fmi3Status fmi3GetClock(fmi3Instance i, const fmi3ValueReference r[], size_t n, fmi3Clock values[]) {
    Model *m = i;
    if (m->stepping) return no(m, "a clock is got in the event mode only");
    for (size_t k = 0; k < n; k++) {
        if (r[k] != THIRD) return no(m, "this clock cannot be got");
        values[k] = m->third != 0;
    }
    return fmi3OK;
}

fmi3Status fmi3GetIntervalDecimal(fmi3Instance i, const fmi3ValueReference r[], size_t n, fmi3Float64 intervals[],
                                  fmi3IntervalQualifier qualifiers[]) {
    Model *m = i;
    for (size_t k = 0; k < n; k++) {
        if (r[k] == COUNTDOWN) {
            intervals[k] = m->v[DELAY];
            qualifiers[k] = m->counts ? fmi3IntervalChanged : fmi3IntervalNotYetKnown;
            m->counts = 0;
        } else {
            intervals[k] = m->interval;
            qualifiers[k] = m->told != m->counted + 1 ? fmi3IntervalChanged : fmi3IntervalUnchanged;
            m->told = m->counted + 1;
        }
    }
    return fmi3OK;
}

fmi3Status fmi3UpdateDiscreteStates(fmi3Instance i, fmi3Boolean *again, fmi3Boolean *ends, fmi3Boolean *nominals,
                                    fmi3Boolean *values, fmi3Boolean *defined, fmi3Float64 *next) {
    Model *m = i;
    if (m->stepping) return no(m, "discrete states are updated in the event mode only");
    m->n[3]++;
    *again = m->third != 0; /* one more round after its own tick */
    m->third = 0;
    *ends = *nominals = *values = *defined = fmi3False;
    *next = 0;
    return fmi3OK;
}

fmi3Status fmi3DoStep(fmi3Instance i, fmi3Float64 from, fmi3Float64 step, fmi3Boolean noState, fmi3Boolean *event,
                      fmi3Boolean *ends, fmi3Boolean *early, fmi3Float64 *reached) {
    Model *m = i;
    (void)noState;
    if (!m->stepping) return no(m, "a step is made in the step mode only");
    *event = *ends = *early = fmi3False;
    *reached = from + step;
    if (m->update) {
        fmi3Boolean stop = fmi3False;
        fmi3Float64 when = 0;
        m->v[TIME] = from + step / 2;
        m->update(m->environment, from + step / 2, fmi3False, fmi3True, fmi3True, fmi3True, &stop, &when);
        if (stop) *early = fmi3True, *reached = from + step / 2;
    }
    if (from < 0.33 && *reached >= 0.33 && m->early) {
        *event = fmi3True;
        *early = *reached > 0.33;
        *reached = 0.33;
        m->n[2]++;
    }
    m->v[TIME] = *reached;
    return fmi3OK;
}

fmi3Status fmi3GetFloat64(fmi3Instance i, const fmi3ValueReference r[], size_t n, fmi3Float64 values[], size_t nv) {
    (void)nv;
    for (size_t k = 0; k < n; k++) values[k] = ((Model *)i)->v[r[k]];
    return fmi3OK;
}
fmi3Status fmi3SetFloat64(fmi3Instance i, const fmi3ValueReference r[], size_t n, const fmi3Float64 values[],
                          size_t nv) {
    (void)nv;
    for (size_t k = 0; k < n; k++) ((Model *)i)->v[r[k]] = values[k];
    return fmi3OK;
}
fmi3Status fmi3GetInt32(fmi3Instance i, const fmi3ValueReference r[], size_t n, fmi3Int32 values[], size_t nv) {
    Model *m = i;
    (void)nv;
    for (size_t k = 0; k < n; k++) values[k] = r[k] == LAST ? m->counted : m->n[r[k] - TICKS];
    return fmi3OK;
}
