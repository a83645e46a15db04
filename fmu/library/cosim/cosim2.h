/* FMI 2.0 co-simulation, or model exchange, around a small model; see values.h for what the model defines.
 *
 * What the modelDescription.xml does not announce answers fmi2Error.
 */
#include <math.h>

#include "fmi2Functions.h"
#include "values.h"

typedef struct {
    Values m;
    const fmi2CallbackFunctions *functions;
    char *name;
} Component;

typedef Values State;

static fmi2Status failed(Component *c, const char *why) {
    if (c && c->functions && c->functions->logger)
        c->functions->logger(c->functions->componentEnvironment, c->name, fmi2Error, "logStatusError", "%s", why);
    return fmi2Error;
}

const char *fmi2GetTypesPlatform(void) { return fmi2TypesPlatform; }
const char *fmi2GetVersion(void) { return fmi2Version; }

fmi2Status fmi2SetDebugLogging(fmi2Component component, fmi2Boolean on, size_t n, const fmi2String categories[]) {
    (void)component, (void)on, (void)n, (void)categories;
    return fmi2OK;
}

fmi2Component fmi2Instantiate(fmi2String instanceName, fmi2Type type, fmi2String guid, fmi2String resourceLocation,
                              const fmi2CallbackFunctions *functions, fmi2Boolean visible, fmi2Boolean loggingOn) {
    (void)visible, (void)loggingOn;
#ifdef MODEL_EXCHANGE
    const fmi2Type kind = fmi2ModelExchange;
#else
    const fmi2Type kind = fmi2CoSimulation;
#endif
    if (type != kind || !guid || strcmp(guid, TOKEN)) {
        if (functions && functions->logger)
            functions->logger(functions->componentEnvironment, instanceName, fmi2Error, "logStatusError",
                              type == kind ? "the guid is not this FMU's" : "this FMU is of the other kind");
        return NULL;
    }
    Component *c = calloc(1, sizeof *c);
    char *name = malloc(strlen(instanceName) + 1);
    if (!c || !name) {
        free(c);
        free(name);
        return NULL;
    }
    c->name = strcpy(name, instanceName);
    c->functions = functions;
    /* a file URI: what follows file:// is a path on POSIX */
    if (resourceLocation && !strncmp(resourceLocation, "file://", 7) &&
        strlen(resourceLocation) < sizeof c->m.resources)
        sprintf(c->m.resources, "%s/", resourceLocation + 7);
    model_start(&c->m);
    return c;
}

void fmi2FreeInstance(fmi2Component component) {
    if (component) free(((Component *)component)->name);
    free(component);
}

fmi2Status fmi2SetupExperiment(fmi2Component component, fmi2Boolean toleranceDefined, fmi2Real tolerance,
                               fmi2Real startTime, fmi2Boolean stopTimeDefined, fmi2Real stopTime) {
    (void)toleranceDefined, (void)tolerance, (void)stopTimeDefined, (void)stopTime;
    ((Component *)component)->m.v[0] = startTime;
    return fmi2OK;
}

fmi2Status fmi2EnterInitializationMode(fmi2Component component) {
    (void)component;
    return fmi2OK;
}

fmi2Status fmi2ExitInitializationMode(fmi2Component component) {
    const char *why = model_initialise(&((Component *)component)->m);
    return why ? failed(component, why) : fmi2OK;
}

fmi2Status fmi2Terminate(fmi2Component component) {
    (void)component;
    return fmi2OK;
}

fmi2Status fmi2Reset(fmi2Component component) {
    model_start(&((Component *)component)->m);
    return fmi2OK;
}

#define REFERENCES const fmi2ValueReference r[], size_t n

#define NUMBER_TYPE(type, at)                                                                          \
    fmi2Status fmi2Get##type(fmi2Component component, REFERENCES, fmi2##type values[]) {               \
        Component *c = component;                                                                      \
        model_outputs(&c->m);                                                                          \
        for (size_t k = 0; k < n; k++) {                                                               \
            if (!at(&c->m, r[k])) return failed(c, "no " #type " variable has this value reference");  \
            values[k] = (fmi2##type)*at(&c->m, r[k]);                                                  \
        }                                                                                              \
        return fmi2OK;                                                                                 \
    }                                                                                                  \
    fmi2Status fmi2Set##type(fmi2Component component, REFERENCES, const fmi2##type values[]) {         \
        Component *c = component;                                                                      \
        for (size_t k = 0; k < n; k++) {                                                               \
            if (!r[k] || !at(&c->m, r[k])) return failed(c, "no " #type " variable that can be set");  \
            *at(&c->m, r[k]) = values[k];                                                              \
        }                                                                                              \
        return fmi2OK;                                                                                 \
    }
NUMBER_TYPE(Real, real_at)
NUMBER_TYPE(Integer, integer_at)
NUMBER_TYPE(Boolean, integer_at)

fmi2Status fmi2GetString(fmi2Component component, REFERENCES, fmi2String values[]) {
    Component *c = component;
    model_outputs(&c->m);
    for (size_t k = 0; k < n; k++) {
        if (!text_at(&c->m, r[k])) return failed(c, "no String variable has this value reference");
        values[k] = text_at(&c->m, r[k]);
    }
    return fmi2OK;
}

fmi2Status fmi2SetString(fmi2Component component, REFERENCES, const fmi2String values[]) {
    Component *c = component;
    for (size_t k = 0; k < n; k++) {
        const char *why = put_text(&c->m, r[k], values[k]);
        if (why) return failed(c, why);
    }
    return fmi2OK;
}

fmi2Status fmi2DoStep(fmi2Component component, fmi2Real currentCommunicationPoint, fmi2Real communicationStepSize,
                      fmi2Boolean noSetFMUStatePriorToCurrentPoint) {
    (void)noSetFMUStatePriorToCurrentPoint;
    Component *c = component;
    const char *why = model_step(&c->m, communicationStepSize);
    if (why) return failed(c, why);
    c->m.v[0] = currentCommunicationPoint + communicationStepSize;
    /* FMI 2.0, 4.2.3: this is how a slave asks to end */
    return model_ended(&c->m) ? fmi2Discard : fmi2OK;
}

fmi2Status fmi2GetBooleanStatus(fmi2Component component, const fmi2StatusKind kind, fmi2Boolean *value) {
    if (kind != fmi2Terminated) return failed(component, "fmi2GetBooleanStatus: this status is not there");
    *value = model_ended(&((Component *)component)->m) != 0;
    return fmi2OK;
}

fmi2Status fmi2GetRealStatus(fmi2Component component, const fmi2StatusKind kind, fmi2Real *value) {
    if (kind != fmi2LastSuccessfulTime) return failed(component, "fmi2GetRealStatus: this status is not there");
    *value = ((Component *)component)->m.v[0];
    return fmi2OK;
}

fmi2Status fmi2GetFMUstate(fmi2Component component, fmi2FMUstate *state) {
    if (!*state && !(*state = malloc(sizeof(State)))) return failed(component, "no memory for the state");
    memcpy(*state, &((Component *)component)->m, sizeof(State));
    return fmi2OK;
}

fmi2Status fmi2SetFMUstate(fmi2Component component, fmi2FMUstate state) {
    memcpy(&((Component *)component)->m, state, sizeof(State));
    return fmi2OK;
}

fmi2Status fmi2FreeFMUstate(fmi2Component component, fmi2FMUstate *state) {
    (void)component;
    free(*state);
    *state = NULL;
    return fmi2OK;
}

fmi2Status fmi2SerializedFMUstateSize(fmi2Component component, fmi2FMUstate state, size_t *size) {
    (void)component, (void)state;
    *size = sizeof(State);
    return fmi2OK;
}

fmi2Status fmi2SerializeFMUstate(fmi2Component component, fmi2FMUstate state, fmi2Byte bytes[], size_t size) {
    if (size < sizeof(State)) return failed(component, "the buffer is smaller than the state");
    memcpy(bytes, state, sizeof(State));
    return fmi2OK;
}

fmi2Status fmi2DeSerializeFMUstate(fmi2Component component, const fmi2Byte bytes[], size_t size, fmi2FMUstate *state) {
    if (size != sizeof(State)) return failed(component, "this is not a state of this FMU");
    if (!*state && !(*state = malloc(sizeof(State)))) return failed(component, "no memory for the state");
    memcpy(*state, bytes, sizeof(State));
    return fmi2OK;
}

fmi2Status fmi2CancelStep(fmi2Component component) { return failed(component, "a step of this FMU cannot be cancelled"); }

#define ABSENT(name, ...) \
    fmi2Status name(fmi2Component component, __VA_ARGS__) { return failed(component, #name ": this FMU lacks it"); }

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#ifdef PARTIALS
fmi2Status fmi2GetDirectionalDerivative(fmi2Component component, REFERENCES, const fmi2ValueReference known[],
                                        size_t nKnown, const fmi2Real seed[], fmi2Real sensitivity[]) {
    for (size_t k = 0; k < n; k++) {
        sensitivity[k] = 0;
        for (size_t j = 0; j < nKnown; j++)
            sensitivity[k] += seed[j] * model_partial(&((Component *)component)->m, r[k], known[j]);
    }
    return fmi2OK;
}
#else
ABSENT(fmi2GetDirectionalDerivative, REFERENCES, const fmi2ValueReference known[], size_t nKnown,
       const fmi2Real seed[], fmi2Real sensitivity[])
#endif
ABSENT(fmi2SetRealInputDerivatives, REFERENCES, const fmi2Integer orders[], const fmi2Real values[])
ABSENT(fmi2GetRealOutputDerivatives, REFERENCES, const fmi2Integer orders[], fmi2Real values[])
ABSENT(fmi2GetStatus, const fmi2StatusKind kind, fmi2Status *value)
ABSENT(fmi2GetIntegerStatus, const fmi2StatusKind kind, fmi2Integer *value)
ABSENT(fmi2GetStringStatus, const fmi2StatusKind kind, fmi2String *value)
#pragma GCC diagnostic pop

#ifdef MODEL_EXCHANGE
fmi2Status fmi2EnterEventMode(fmi2Component component) {
    (void)component;
    return fmi2OK;
}

fmi2Status fmi2EnterContinuousTimeMode(fmi2Component component) {
    (void)component;
    return fmi2OK;
}

fmi2Status fmi2NewDiscreteStates(fmi2Component component, fmi2EventInfo *info) {
    Event e = {0, 0, 0, INFINITY};
    model_event(&((Component *)component)->m, &e);
    info->newDiscreteStatesNeeded = e.again != 0;
    info->terminateSimulation = e.ends != 0;
    info->nominalsOfContinuousStatesChanged = fmi2False;
    info->valuesOfContinuousStatesChanged = e.values != 0;
    info->nextEventTimeDefined = e.next < INFINITY;
    info->nextEventTime = e.next;
    return fmi2OK;
}

fmi2Status fmi2CompletedIntegratorStep(fmi2Component component, fmi2Boolean noSetFMUStatePriorToCurrentPoint,
                                       fmi2Boolean *enterEventMode, fmi2Boolean *terminateSimulation) {
    (void)noSetFMUStatePriorToCurrentPoint;
    *enterEventMode = model_completed(&((Component *)component)->m) != 0;
    *terminateSimulation = fmi2False;
    return fmi2OK;
}

fmi2Status fmi2SetTime(fmi2Component component, fmi2Real time) {
    ((Component *)component)->m.v[0] = time;
    return fmi2OK;
}

fmi2Status fmi2SetContinuousStates(fmi2Component component, const fmi2Real x[], size_t n) {
    Component *c = component;
    if (n != STATES) return failed(c, "this is not its number of states");
    for (size_t k = 0; k < n; k++) c->m.v[model_states[k]] = x[k];
    return fmi2OK;
}

fmi2Status fmi2GetContinuousStates(fmi2Component component, fmi2Real x[], size_t n) {
    Component *c = component;
    if (n != STATES) return failed(c, "this is not its number of states");
    for (size_t k = 0; k < n; k++) x[k] = c->m.v[model_states[k]];
    return fmi2OK;
}

fmi2Status fmi2GetNominalsOfContinuousStates(fmi2Component component, fmi2Real nominals[], size_t n) {
    (void)component;
    for (size_t k = 0; k < n; k++) nominals[k] = 1;
    return fmi2OK;
}

fmi2Status fmi2GetDerivatives(fmi2Component component, fmi2Real derivatives[], size_t n) {
    if (n != STATES) return failed(component, "this is not its number of states");
    model_derivatives(&((Component *)component)->m, derivatives);
    return fmi2OK;
}

fmi2Status fmi2GetEventIndicators(fmi2Component component, fmi2Real indicators[], size_t n) {
    if (n != INDICATORS) return failed(component, "this is not its number of event indicators");
    model_indicators(&((Component *)component)->m, indicators);
    return fmi2OK;
}
#endif
