/* FMI 1.0 co-simulation, or model exchange, around a small model; see values.h for what the model defines.
 *
 * MODEL_IDENTIFIER comes from the compiler's command line: FMI 1.0 puts it before the name of every function.
 */
#include <math.h>
#include <stddef.h>

#include "fmi1Functions.h"
#include "values.h"

#define JOINED(a, b) a##b
#define JOIN(a, b) JOINED(a, b)
#define FMI(name) JOIN(MODEL_IDENTIFIER, _fmi##name)

typedef struct {
    Values m;
    fmi1CallbackFunctions functions;
    char *name;
} Component;

static fmi1Status failed(Component *c, const char *why) {
    if (c->functions.logger) c->functions.logger(c, c->name, fmi1Error, "error", "%s", why);
    return fmi1Error;
}

const char *FMI(GetTypesPlatform)(void) { return "standard32"; }
const char *FMI(GetVersion)(void) { return "1.0"; }

fmi1Component FMI(InstantiateSlave)(fmi1String instanceName, fmi1String guid, fmi1String location, fmi1String mimeType,
                                    fmi1Real timeout, fmi1Boolean visible, fmi1Boolean interactive,
                                    fmi1CallbackFunctions functions, fmi1Boolean loggingOn) {
    (void)mimeType, (void)timeout, (void)visible, (void)interactive, (void)loggingOn;
    Component *c = calloc(1, sizeof *c);
    char *name = malloc(strlen(instanceName) + 1);
    if (!c || !name || !guid || strcmp(guid, TOKEN)) {
        if (c && functions.logger) functions.logger(c, instanceName, fmi1Error, "error", "the guid is not this FMU's");
        free(c);
        free(name);
        return NULL;
    }
    c->name = strcpy(name, instanceName);
    c->functions = functions;
    /* a file URI of the unpacked FMU: what follows file:// is a path on POSIX */
    if (location && !strncmp(location, "file://", 7) && strlen(location) + 12 < sizeof c->m.resources)
        sprintf(c->m.resources, "%s/resources/", location + 7);
    model_start(&c->m);
    return c;
}

void FMI(FreeSlaveInstance)(fmi1Component component) {
    free(((Component *)component)->name);
    free(component);
}

fmi1Status FMI(SetDebugLogging)(fmi1Component component, fmi1Boolean on) {
    (void)component, (void)on;
    return fmi1OK;
}

fmi1Status FMI(InitializeSlave)(fmi1Component component, fmi1Real start, fmi1Boolean stopDefined, fmi1Real stop) {
    Component *c = component;
    (void)stopDefined, (void)stop;
    c->m.v[0] = start;
    const char *why = model_initialise(&c->m);
    return why ? failed(c, why) : fmi1OK;
}

fmi1Status FMI(TerminateSlave)(fmi1Component component) {
    (void)component;
    return fmi1OK;
}

fmi1Status FMI(ResetSlave)(fmi1Component component) {
    model_start(&((Component *)component)->m);
    return fmi1OK;
}

#define REFERENCES const fmi1ValueReference r[], size_t n

#define NUMBER_TYPE(type, at)                                                                          \
    fmi1Status FMI(Get##type)(fmi1Component component, REFERENCES, fmi1##type values[]) {              \
        Component *c = component;                                                                      \
        model_outputs(&c->m);                                                                          \
        for (size_t k = 0; k < n; k++) {                                                               \
            if (!at(&c->m, r[k])) return failed(c, "no " #type " variable has this value reference");  \
            values[k] = (fmi1##type)*at(&c->m, r[k]);                                                  \
        }                                                                                              \
        return fmi1OK;                                                                                 \
    }                                                                                                  \
    fmi1Status FMI(Set##type)(fmi1Component component, REFERENCES, const fmi1##type values[]) {        \
        Component *c = component;                                                                      \
        for (size_t k = 0; k < n; k++) {                                                               \
            if (!r[k] || !at(&c->m, r[k])) return failed(c, "no " #type " variable that can be set");  \
            *at(&c->m, r[k]) = values[k];                                                              \
        }                                                                                              \
        return fmi1OK;                                                                                 \
    }
NUMBER_TYPE(Real, real_at)
NUMBER_TYPE(Integer, integer_at)
NUMBER_TYPE(Boolean, integer_at)

fmi1Status FMI(GetString)(fmi1Component component, REFERENCES, fmi1String values[]) {
    Component *c = component;
    model_outputs(&c->m);
    for (size_t k = 0; k < n; k++) {
        if (!text_at(&c->m, r[k])) return failed(c, "no String variable has this value reference");
        values[k] = text_at(&c->m, r[k]);
    }
    return fmi1OK;
}

fmi1Status FMI(SetString)(fmi1Component component, REFERENCES, const fmi1String values[]) {
    Component *c = component;
    for (size_t k = 0; k < n; k++) {
        const char *why = put_text(&c->m, r[k], values[k]);
        if (why) return failed(c, why);
    }
    return fmi1OK;
}

fmi1Status FMI(DoStep)(fmi1Component component, fmi1Real time, fmi1Real step, fmi1Boolean newStep) {
    Component *c = component;
    (void)newStep;
    const char *why = model_step(&c->m, step);
    if (why) return failed(c, why);
    c->m.v[0] = time + step;
    return fmi1OK;
}

fmi1Status FMI(CancelStep)(fmi1Component component) { return failed(component, "a step cannot be cancelled"); }

#define ABSENT(name, ...) \
    fmi1Status FMI(name)(fmi1Component component, __VA_ARGS__) { return failed(component, #name ": this FMU lacks it"); }

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
ABSENT(SetRealInputDerivatives, REFERENCES, const fmi1Integer orders[], const fmi1Real values[])
ABSENT(GetRealOutputDerivatives, REFERENCES, const fmi1Integer orders[], fmi1Real values[])
ABSENT(GetStatus, const fmi1StatusKind kind, fmi1Status *value)
ABSENT(GetRealStatus, const fmi1StatusKind kind, fmi1Real *value)
ABSENT(GetIntegerStatus, const fmi1StatusKind kind, fmi1Integer *value)
ABSENT(GetBooleanStatus, const fmi1StatusKind kind, fmi1Boolean *value)
ABSENT(GetStringStatus, const fmi1StatusKind kind, fmi1String *value)
#pragma GCC diagnostic pop

#ifdef MODEL_EXCHANGE
const char *FMI(GetModelTypesPlatform)(void) { return "standard32"; }

fmi1Component FMI(InstantiateModel)(fmi1String instanceName, fmi1String guid, fmi1CallbackFunctions functions,
                                    fmi1Boolean loggingOn) {
    return FMI(InstantiateSlave)(instanceName, guid, "", "", 0, fmi1False, fmi1False, functions, loggingOn);
}

void FMI(FreeModelInstance)(fmi1Component component) { FMI(FreeSlaveInstance)(component); }

/* FMI 1.0 iterates inside one call. */
static void iterate(Component *c, fmi1EventInfo *info) {
    Event e = {0, 0, 0, INFINITY};
    int values = 0;
    do {
        e.again = e.values = 0, e.next = INFINITY;
        model_event(&c->m, &e);
        values |= e.values;
    } while (e.again);
    info->iterationConverged = fmi1True;
    info->stateValueReferencesChanged = fmi1False;
    info->stateValuesChanged = values != 0;
    info->terminateSimulation = e.ends != 0;
    info->upcomingTimeEvent = e.next < INFINITY;
    info->nextEventTime = e.next;
}

fmi1Status FMI(Initialize)(fmi1Component component, fmi1Boolean toleranceControlled, fmi1Real relativeTolerance,
                           fmi1EventInfo *info) {
    (void)toleranceControlled, (void)relativeTolerance;
    Component *c = component;
    const char *why = model_initialise(&c->m);
    if (why) return failed(c, why);
    iterate(c, info);
    return fmi1OK;
}

fmi1Status FMI(EventUpdate)(fmi1Component component, fmi1Boolean intermediateResults, fmi1EventInfo *info) {
    (void)intermediateResults;
    iterate(component, info);
    return fmi1OK;
}

fmi1Status FMI(Terminate)(fmi1Component component) {
    (void)component;
    return fmi1OK;
}

fmi1Status FMI(SetTime)(fmi1Component component, fmi1Real time) {
    ((Component *)component)->m.v[0] = time;
    return fmi1OK;
}

fmi1Status FMI(CompletedIntegratorStep)(fmi1Component component, fmi1Boolean *callEventUpdate) {
    *callEventUpdate = model_completed(&((Component *)component)->m) != 0;
    return fmi1OK;
}

fmi1Status FMI(SetContinuousStates)(fmi1Component component, const fmi1Real x[], size_t n) {
    Component *c = component;
    if (n != STATES) return failed(c, "this is not its number of states");
    for (size_t k = 0; k < n; k++) c->m.v[model_states[k]] = x[k];
    return fmi1OK;
}

fmi1Status FMI(GetContinuousStates)(fmi1Component component, fmi1Real x[], size_t n) {
    Component *c = component;
    if (n != STATES) return failed(c, "this is not its number of states");
    for (size_t k = 0; k < n; k++) x[k] = c->m.v[model_states[k]];
    return fmi1OK;
}

fmi1Status FMI(GetNominalContinuousStates)(fmi1Component component, fmi1Real nominals[], size_t n) {
    (void)component;
    for (size_t k = 0; k < n; k++) nominals[k] = 1;
    return fmi1OK;
}

fmi1Status FMI(GetStateValueReferences)(fmi1Component component, fmi1ValueReference references[], size_t n) {
    (void)component;
    for (size_t k = 0; k < n && k < STATES; k++) references[k] = model_states[k];
    return fmi1OK;
}

fmi1Status FMI(GetDerivatives)(fmi1Component component, fmi1Real derivatives[], size_t n) {
    if (n != STATES) return failed(component, "this is not its number of states");
    model_derivatives(&((Component *)component)->m, derivatives);
    return fmi1OK;
}

fmi1Status FMI(GetEventIndicators)(fmi1Component component, fmi1Real indicators[], size_t n) {
    if (n != INDICATORS) return failed(component, "this is not its number of event indicators");
    model_indicators(&((Component *)component)->m, indicators);
    return fmi1OK;
}
#endif
