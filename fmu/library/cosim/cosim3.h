/* FMI 3.0 co-simulation, or model exchange, around a small model; see values.h for what the model defines.
 *
 * Functions that the modelDescription.xml does not announce answer fmi3Error, as the standard asks.
 */
#include <math.h>

#include "fmi3Functions.h"
#include "values.h"

typedef struct {
    Values m;
    fmi3InstanceEnvironment environment;
    fmi3LogMessageCallback log;
} Component;

typedef Values State;

static fmi3Status failed(Component *c, const char *why) {
    if (c && c->log) c->log(c->environment, fmi3Error, "logStatusError", why);
    return fmi3Error;
}

const char *fmi3GetVersion(void) { return fmi3Version; }

fmi3Status fmi3SetDebugLogging(fmi3Instance instance, fmi3Boolean loggingOn, size_t n, const fmi3String categories[]) {
    (void)instance, (void)loggingOn, (void)n, (void)categories;
    return fmi3OK;
}

static fmi3Instance instantiate(fmi3String instanceName, fmi3String instantiationToken, fmi3String resourcePath,
                                fmi3Boolean visible, fmi3Boolean loggingOn, fmi3InstanceEnvironment environment,
                                fmi3LogMessageCallback log) {
    (void)instanceName, (void)visible, (void)loggingOn;
    if (!instantiationToken || strcmp(instantiationToken, TOKEN)) {
        if (log) log(environment, fmi3Error, "logStatusError", "the instantiation token is not this FMU's");
        return NULL;
    }
    Component *c = calloc(1, sizeof *c);
    if (!c) return NULL;
    c->environment = environment;
    c->log = log;
    if (resourcePath && strlen(resourcePath) < sizeof c->m.resources) strcpy(c->m.resources, resourcePath);
    model_start(&c->m);
    return c;
}

fmi3Instance fmi3InstantiateCoSimulation(
    fmi3String instanceName, fmi3String instantiationToken, fmi3String resourcePath, fmi3Boolean visible,
    fmi3Boolean loggingOn, fmi3Boolean eventModeUsed, fmi3Boolean earlyReturnAllowed,
    const fmi3ValueReference requiredIntermediateVariables[], size_t nRequiredIntermediateVariables,
    fmi3InstanceEnvironment instanceEnvironment, fmi3LogMessageCallback logMessage,
    fmi3IntermediateUpdateCallback intermediateUpdate) {
    (void)eventModeUsed;
    (void)earlyReturnAllowed, (void)requiredIntermediateVariables, (void)nRequiredIntermediateVariables;
    (void)intermediateUpdate;
    return instantiate(instanceName, instantiationToken, resourcePath, visible, loggingOn, instanceEnvironment,
                       logMessage);
}

void fmi3FreeInstance(fmi3Instance instance) { free(instance); }

fmi3Status fmi3EnterInitializationMode(fmi3Instance instance, fmi3Boolean toleranceDefined, fmi3Float64 tolerance,
                                       fmi3Float64 startTime, fmi3Boolean stopTimeDefined, fmi3Float64 stopTime) {
    (void)toleranceDefined, (void)tolerance, (void)stopTimeDefined, (void)stopTime;
    ((Component *)instance)->m.v[0] = startTime;
    return fmi3OK;
}

fmi3Status fmi3ExitInitializationMode(fmi3Instance instance) {
    const char *why = model_initialise(&((Component *)instance)->m);
    return why ? failed(instance, why) : fmi3OK;
}

fmi3Status fmi3Terminate(fmi3Instance instance) {
    (void)instance;
    return fmi3OK;
}

fmi3Status fmi3Reset(fmi3Instance instance) {
    model_start(&((Component *)instance)->m);
    return fmi3OK;
}

#define REFERENCES const fmi3ValueReference r[], size_t n

#define REAL_TYPE(type)                                                                                        \
    fmi3Status fmi3Get##type(fmi3Instance instance, REFERENCES, fmi3##type values[], size_t nValues) {         \
        Component *c = instance;                                                                               \
        size_t at = 0;                                                                                         \
        model_outputs(&c->m);                                                                                  \
        for (size_t k = 0; k < n; k++) {                                                                       \
            const double *from = real_at(&c->m, r[k]);                                                         \
            size_t size = size_of(&c->m, r[k]);                                                                \
            if (!from || at + size > nValues) return failed(c, "no " #type " variable, or too few values");    \
            for (size_t e = 0; e < size; e++) values[at++] = (fmi3##type)from[e];                              \
        }                                                                                                      \
        return fmi3OK;                                                                                         \
    }                                                                                                          \
    fmi3Status fmi3Set##type(fmi3Instance instance, REFERENCES, const fmi3##type values[], size_t nValues) {   \
        Component *c = instance;                                                                               \
        size_t at = 0;                                                                                         \
        for (size_t k = 0; k < n; k++) {                                                                       \
            double *to = r[k] ? real_at(&c->m, r[k]) : NULL;                                                   \
            size_t size = size_of(&c->m, r[k]);                                                                \
            if (!to || at + size > nValues) return failed(c, "no " #type " variable that can be set");         \
            for (size_t e = 0; e < size; e++) to[e] = values[at++];                                            \
        }                                                                                                      \
        return fmi3OK;                                                                                         \
    }
REAL_TYPE(Float64)
REAL_TYPE(Float32)

/* An unsigned value keeps its bits in the signed place. */
#define INTEGER_TYPE(type)                                                                                     \
    fmi3Status fmi3Get##type(fmi3Instance instance, REFERENCES, fmi3##type values[], size_t nValues) {         \
        Component *c = instance;                                                                               \
        model_outputs(&c->m);                                                                                  \
        for (size_t k = 0; k < n; k++) {                                                                       \
            const int64_t *from = integer_at(&c->m, r[k]);                                                     \
            if (!from || k >= nValues) return failed(c, "no " #type " variable, or too few values");           \
            values[k] = (fmi3##type)*from;                                                                     \
        }                                                                                                      \
        return fmi3OK;                                                                                         \
    }                                                                                                          \
    fmi3Status fmi3Set##type(fmi3Instance instance, REFERENCES, const fmi3##type values[], size_t nValues) {   \
        Component *c = instance;                                                                               \
        for (size_t k = 0; k < n; k++) {                                                                       \
            int64_t *to = integer_at(&c->m, r[k]);                                                             \
            if (!to || k >= nValues) return failed(c, "no " #type " variable that can be set");                \
            *to = (int64_t)values[k];                                                                          \
        }                                                                                                      \
        return fmi3OK;                                                                                         \
    }
INTEGER_TYPE(Int8)
INTEGER_TYPE(UInt8)
INTEGER_TYPE(Int16)
INTEGER_TYPE(UInt16)
INTEGER_TYPE(Int32)
INTEGER_TYPE(UInt32)
INTEGER_TYPE(Int64)
INTEGER_TYPE(UInt64)
INTEGER_TYPE(Boolean)

fmi3Status fmi3GetString(fmi3Instance instance, REFERENCES, fmi3String values[], size_t nValues) {
    Component *c = instance;
    model_outputs(&c->m);
    for (size_t k = 0; k < n; k++) {
        if (k >= nValues || !text_at(&c->m, r[k])) return failed(c, "no String variable has this value reference");
        values[k] = text_at(&c->m, r[k]);
    }
    return fmi3OK;
}

fmi3Status fmi3SetString(fmi3Instance instance, REFERENCES, const fmi3String values[], size_t nValues) {
    Component *c = instance;
    for (size_t k = 0; k < n && k < nValues; k++) {
        const char *why = put_text(&c->m, r[k], values[k]);
        if (why) return failed(c, why);
    }
    return fmi3OK;
}

fmi3Status fmi3GetBinary(fmi3Instance instance, REFERENCES, size_t sizes[], fmi3Binary values[], size_t nValues) {
    Component *c = instance;
    model_outputs(&c->m);
    for (size_t k = 0; k < n; k++) {
        if (k >= nValues || r[k] < FIRST_BLOB || r[k] >= FIRST_BLOB + BLOBS)
            return failed(c, "no Binary variable has this value reference");
        sizes[k] = c->m.b[r[k] - FIRST_BLOB].size;
        values[k] = c->m.b[r[k] - FIRST_BLOB].bytes;
    }
    return fmi3OK;
}

fmi3Status fmi3SetBinary(fmi3Instance instance, REFERENCES, const size_t sizes[], const fmi3Binary values[],
                         size_t nValues) {
    Component *c = instance;
    for (size_t k = 0; k < n; k++) {
        if (k >= nValues || r[k] < FIRST_BLOB || r[k] >= FIRST_BLOB + BLOBS || sizes[k] > TEXT_BYTES)
            return failed(c, "no Binary variable has this value reference, or the value is too long");
        c->m.b[r[k] - FIRST_BLOB].size = sizes[k];
        memcpy(c->m.b[r[k] - FIRST_BLOB].bytes, values[k], sizes[k]);
    }
    return fmi3OK;
}

fmi3Status fmi3EnterConfigurationMode(fmi3Instance instance) {
    (void)instance;
    return fmi3OK;
}

fmi3Status fmi3ExitConfigurationMode(fmi3Instance instance) {
    (void)instance;
    return fmi3OK;
}

fmi3Status fmi3DoStep(fmi3Instance instance, fmi3Float64 currentCommunicationPoint, fmi3Float64 communicationStepSize,
                      fmi3Boolean noSetFMUStatePriorToCurrentPoint, fmi3Boolean *eventHandlingNeeded,
                      fmi3Boolean *terminateSimulation, fmi3Boolean *earlyReturn, fmi3Float64 *lastSuccessfulTime) {
    (void)noSetFMUStatePriorToCurrentPoint;
    Component *c = instance;
    *eventHandlingNeeded = *terminateSimulation = *earlyReturn = fmi3False;
    *lastSuccessfulTime = currentCommunicationPoint;
    const char *why = model_step(&c->m, communicationStepSize);
    if (why) return failed(c, why);
    c->m.v[0] = *lastSuccessfulTime = currentCommunicationPoint + communicationStepSize;
    *terminateSimulation = model_ended(&c->m) != 0;
    return fmi3OK;
}

fmi3Status fmi3GetFMUState(fmi3Instance instance, fmi3FMUState *state) {
    if (!*state && !(*state = malloc(sizeof(State)))) return failed(instance, "no memory for the state");
    memcpy(*state, &((Component *)instance)->m, sizeof(State));
    return fmi3OK;
}

fmi3Status fmi3SetFMUState(fmi3Instance instance, fmi3FMUState state) {
    memcpy(&((Component *)instance)->m, state, sizeof(State));
    return fmi3OK;
}

fmi3Status fmi3FreeFMUState(fmi3Instance instance, fmi3FMUState *state) {
    (void)instance;
    free(*state);
    *state = NULL;
    return fmi3OK;
}

fmi3Status fmi3SerializedFMUStateSize(fmi3Instance instance, fmi3FMUState state, size_t *size) {
    (void)instance, (void)state;
    *size = sizeof(State);
    return fmi3OK;
}

fmi3Status fmi3SerializeFMUState(fmi3Instance instance, fmi3FMUState state, fmi3Byte bytes[], size_t size) {
    if (size < sizeof(State)) return failed(instance, "the buffer is smaller than the state");
    memcpy(bytes, state, sizeof(State));
    return fmi3OK;
}

fmi3Status fmi3DeserializeFMUState(fmi3Instance instance, const fmi3Byte bytes[], size_t size, fmi3FMUState *state) {
    if (size != sizeof(State)) return failed(instance, "this is not a state of this FMU");
    if (!*state && !(*state = malloc(sizeof(State)))) return failed(instance, "no memory for the state");
    memcpy(*state, bytes, sizeof(State));
    return fmi3OK;
}

fmi3Instance fmi3InstantiateModelExchange(fmi3String instanceName, fmi3String instantiationToken,
                                          fmi3String resourcePath, fmi3Boolean visible, fmi3Boolean loggingOn,
                                          fmi3InstanceEnvironment environment, fmi3LogMessageCallback log) {
#ifdef MODEL_EXCHANGE
    return instantiate(instanceName, instantiationToken, resourcePath, visible, loggingOn, environment, log);
#else
    (void)instanceName, (void)instantiationToken, (void)resourcePath, (void)visible, (void)loggingOn;
    (void)environment, (void)log;
    return NULL;
#endif
}

/* What these models do not have. Every function must be there for a loader that asks for all of them. */

fmi3Instance fmi3InstantiateScheduledExecution(fmi3String instanceName, fmi3String instantiationToken,
                                               fmi3String resourcePath, fmi3Boolean visible, fmi3Boolean loggingOn,
                                               fmi3InstanceEnvironment environment, fmi3LogMessageCallback log,
                                               fmi3ClockUpdateCallback clockUpdate, fmi3LockPreemptionCallback lock,
                                               fmi3UnlockPreemptionCallback unlock) {
    (void)instanceName, (void)instantiationToken, (void)resourcePath, (void)visible, (void)loggingOn;
    (void)environment, (void)log, (void)clockUpdate, (void)lock, (void)unlock;
    return NULL;
}

#define ABSENT(name, ...) \
    fmi3Status name(fmi3Instance instance, ##__VA_ARGS__) { return failed(instance, #name ": this FMU lacks it"); }

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
ABSENT(fmi3GetClock, REFERENCES, fmi3Clock values[])
ABSENT(fmi3SetClock, REFERENCES, const fmi3Clock values[])
ABSENT(fmi3GetNumberOfVariableDependencies, fmi3ValueReference r, size_t *n)
ABSENT(fmi3GetVariableDependencies, fmi3ValueReference dependent, size_t elements[], fmi3ValueReference r[],
       size_t independents[], fmi3DependencyKind kinds[], size_t n)
#ifdef PARTIALS
fmi3Status fmi3GetDirectionalDerivative(fmi3Instance instance, REFERENCES, const fmi3ValueReference knowns[],
                                        size_t nKnowns, const fmi3Float64 seed[], size_t nSeed,
                                        fmi3Float64 sensitivity[], size_t nSensitivity) {
    if (nSeed != nKnowns || nSensitivity != n) return failed(instance, "derivatives are of scalars only");
    for (size_t k = 0; k < n; k++) {
        sensitivity[k] = 0;
        for (size_t j = 0; j < nKnowns; j++)
            sensitivity[k] += seed[j] * model_partial(&((Component *)instance)->m, r[k], knowns[j]);
    }
    return fmi3OK;
}

fmi3Status fmi3GetAdjointDerivative(fmi3Instance instance, REFERENCES, const fmi3ValueReference knowns[],
                                    size_t nKnowns, const fmi3Float64 seed[], size_t nSeed, fmi3Float64 sensitivity[],
                                    size_t nSensitivity) {
    if (nSeed != n || nSensitivity != nKnowns) return failed(instance, "derivatives are of scalars only");
    for (size_t j = 0; j < nKnowns; j++) {
        sensitivity[j] = 0;
        for (size_t k = 0; k < n; k++)
            sensitivity[j] += seed[k] * model_partial(&((Component *)instance)->m, r[k], knowns[j]);
    }
    return fmi3OK;
}
#else
ABSENT(fmi3GetDirectionalDerivative, REFERENCES, const fmi3ValueReference knowns[], size_t nKnowns,
       const fmi3Float64 seed[], size_t nSeed, fmi3Float64 sensitivity[], size_t nSensitivity)
ABSENT(fmi3GetAdjointDerivative, REFERENCES, const fmi3ValueReference knowns[], size_t nKnowns,
       const fmi3Float64 seed[], size_t nSeed, fmi3Float64 sensitivity[], size_t nSensitivity)
#endif
ABSENT(fmi3GetIntervalDecimal, REFERENCES, fmi3Float64 intervals[], fmi3IntervalQualifier qualifiers[])
ABSENT(fmi3GetIntervalFraction, REFERENCES, fmi3UInt64 counters[], fmi3UInt64 resolutions[],
       fmi3IntervalQualifier qualifiers[])
ABSENT(fmi3GetShiftDecimal, REFERENCES, fmi3Float64 shifts[])
ABSENT(fmi3GetShiftFraction, REFERENCES, fmi3UInt64 counters[], fmi3UInt64 resolutions[])
ABSENT(fmi3SetIntervalDecimal, REFERENCES, const fmi3Float64 intervals[])
ABSENT(fmi3SetIntervalFraction, REFERENCES, const fmi3UInt64 counters[], const fmi3UInt64 resolutions[])
ABSENT(fmi3SetShiftDecimal, REFERENCES, const fmi3Float64 shifts[])
ABSENT(fmi3SetShiftFraction, REFERENCES, const fmi3UInt64 counters[], const fmi3UInt64 resolutions[])
ABSENT(fmi3EvaluateDiscreteStates)
ABSENT(fmi3EnterStepMode)
ABSENT(fmi3GetOutputDerivatives, REFERENCES, const fmi3Int32 orders[], fmi3Float64 values[], size_t nValues)
ABSENT(fmi3ActivateModelPartition, fmi3ValueReference clock, fmi3Float64 time)
#ifndef MODEL_EXCHANGE
ABSENT(fmi3UpdateDiscreteStates, fmi3Boolean *needed, fmi3Boolean *terminate, fmi3Boolean *nominals,
       fmi3Boolean *values, fmi3Boolean *defined, fmi3Float64 *next)
ABSENT(fmi3EnterContinuousTimeMode)
ABSENT(fmi3CompletedIntegratorStep, fmi3Boolean noSet, fmi3Boolean *enterEventMode, fmi3Boolean *terminate)
ABSENT(fmi3SetTime, fmi3Float64 time)
ABSENT(fmi3SetContinuousStates, const fmi3Float64 states[], size_t n)
ABSENT(fmi3GetContinuousStateDerivatives, fmi3Float64 derivatives[], size_t n)
ABSENT(fmi3GetEventIndicators, fmi3Float64 indicators[], size_t n)
ABSENT(fmi3GetContinuousStates, fmi3Float64 states[], size_t n)
ABSENT(fmi3GetNominalsOfContinuousStates, fmi3Float64 nominals[], size_t n)
ABSENT(fmi3GetNumberOfEventIndicators, size_t *n)
ABSENT(fmi3GetNumberOfContinuousStates, size_t *n)
ABSENT(fmi3EnterEventMode)
#endif
#pragma GCC diagnostic pop

#ifdef MODEL_EXCHANGE
fmi3Status fmi3EnterEventMode(fmi3Instance instance) {
    (void)instance;
    return fmi3OK;
}

fmi3Status fmi3EnterContinuousTimeMode(fmi3Instance instance) {
    (void)instance;
    return fmi3OK;
}

fmi3Status fmi3UpdateDiscreteStates(fmi3Instance instance, fmi3Boolean *needed, fmi3Boolean *terminate,
                                    fmi3Boolean *nominals, fmi3Boolean *values, fmi3Boolean *defined,
                                    fmi3Float64 *next) {
    Event e = {0, 0, 0, INFINITY};
    model_event(&((Component *)instance)->m, &e);
    *needed = e.again != 0;
    *terminate = e.ends != 0;
    *nominals = fmi3False;
    *values = e.values != 0;
    *defined = e.next < INFINITY;
    *next = e.next;
    return fmi3OK;
}

fmi3Status fmi3CompletedIntegratorStep(fmi3Instance instance, fmi3Boolean noSet, fmi3Boolean *enterEventMode,
                                       fmi3Boolean *terminate) {
    (void)noSet;
    *enterEventMode = model_completed(&((Component *)instance)->m) != 0;
    *terminate = fmi3False;
    return fmi3OK;
}

fmi3Status fmi3SetTime(fmi3Instance instance, fmi3Float64 time) {
    ((Component *)instance)->m.v[0] = time;
    return fmi3OK;
}

fmi3Status fmi3SetContinuousStates(fmi3Instance instance, const fmi3Float64 states[], size_t n) {
    Component *c = instance;
    if (n != STATES) return failed(c, "this is not its number of states");
    for (size_t k = 0; k < n; k++) c->m.v[model_states[k]] = states[k];
    return fmi3OK;
}

fmi3Status fmi3GetContinuousStates(fmi3Instance instance, fmi3Float64 states[], size_t n) {
    Component *c = instance;
    if (n != STATES) return failed(c, "this is not its number of states");
    for (size_t k = 0; k < n; k++) states[k] = c->m.v[model_states[k]];
    return fmi3OK;
}

fmi3Status fmi3GetNominalsOfContinuousStates(fmi3Instance instance, fmi3Float64 nominals[], size_t n) {
    (void)instance;
    for (size_t k = 0; k < n; k++) nominals[k] = 1;
    return fmi3OK;
}

fmi3Status fmi3GetContinuousStateDerivatives(fmi3Instance instance, fmi3Float64 derivatives[], size_t n) {
    if (n != STATES) return failed(instance, "this is not its number of states");
    model_derivatives(&((Component *)instance)->m, derivatives);
    return fmi3OK;
}

fmi3Status fmi3GetEventIndicators(fmi3Instance instance, fmi3Float64 indicators[], size_t n) {
    if (n != INDICATORS) return failed(instance, "this is not its number of event indicators");
    model_indicators(&((Component *)instance)->m, indicators);
    return fmi3OK;
}

fmi3Status fmi3GetNumberOfEventIndicators(fmi3Instance instance, size_t *n) {
    (void)instance;
    *n = INDICATORS;
    return fmi3OK;
}

fmi3Status fmi3GetNumberOfContinuousStates(fmi3Instance instance, size_t *n) {
    (void)instance;
    *n = STATES;
    return fmi3OK;
}
#endif
