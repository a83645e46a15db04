/* FMI 3.0 co-simulation around a small model; included last by a model.c that defines:
 *
 *   TOKEN                                   the instantiationToken of its modelDescription.xml
 *   REALS                                   how many Float64 variables it has; value references are 0 .. REALS-1,
 *                                           and 0 is the independent variable, time
 *   static void model_start(double *v)      start values of all of them
 *   static const char *model_initialise(double *v)       called when initialization mode is left
 *   static void model_outputs(double *v)    what follows from states, inputs and parameters; called before each get
 *   static const char *model_step(double *v, double h)   advances by h seconds; v[0] is advanced by the caller
 *
 * model_initialise and model_step give NULL, or a static text that says why they cannot; it goes to the log and makes the status
 * fmi3Error. Functions that the modelDescription.xml does not announce answer fmi3Error, as the standard asks.
 */
#include <stdlib.h>
#include <string.h>

#include "fmi3Functions.h"

typedef struct {
    double v[REALS];
    fmi3InstanceEnvironment environment;
    fmi3LogMessageCallback log;
} Component;

typedef struct {
    double v[REALS];
} State;

static fmi3Status failed(Component *c, const char *why) {
    if (c && c->log) c->log(c->environment, fmi3Error, "logStatusError", why);
    return fmi3Error;
}

const char *fmi3GetVersion(void) { return fmi3Version; }

fmi3Status fmi3SetDebugLogging(fmi3Instance instance, fmi3Boolean loggingOn, size_t n, const fmi3String categories[]) {
    (void)instance, (void)loggingOn, (void)n, (void)categories;
    return fmi3OK;
}

fmi3Instance fmi3InstantiateCoSimulation(
    fmi3String instanceName, fmi3String instantiationToken, fmi3String resourcePath, fmi3Boolean visible,
    fmi3Boolean loggingOn, fmi3Boolean eventModeUsed, fmi3Boolean earlyReturnAllowed,
    const fmi3ValueReference requiredIntermediateVariables[], size_t nRequiredIntermediateVariables,
    fmi3InstanceEnvironment instanceEnvironment, fmi3LogMessageCallback logMessage,
    fmi3IntermediateUpdateCallback intermediateUpdate) {
    (void)instanceName, (void)resourcePath, (void)visible, (void)loggingOn, (void)eventModeUsed;
    (void)earlyReturnAllowed, (void)requiredIntermediateVariables, (void)nRequiredIntermediateVariables;
    (void)intermediateUpdate;
    if (!instantiationToken || strcmp(instantiationToken, TOKEN)) {
        if (logMessage)
            logMessage(instanceEnvironment, fmi3Error, "logStatusError", "the instantiation token is not this FMU's");
        return NULL;
    }
    Component *c = calloc(1, sizeof *c);
    if (!c) return NULL;
    c->environment = instanceEnvironment;
    c->log = logMessage;
    model_start(c->v);
    return c;
}

void fmi3FreeInstance(fmi3Instance instance) { free(instance); }

fmi3Status fmi3EnterInitializationMode(fmi3Instance instance, fmi3Boolean toleranceDefined, fmi3Float64 tolerance,
                                       fmi3Float64 startTime, fmi3Boolean stopTimeDefined, fmi3Float64 stopTime) {
    (void)toleranceDefined, (void)tolerance, (void)stopTimeDefined, (void)stopTime;
    ((Component *)instance)->v[0] = startTime;
    return fmi3OK;
}

fmi3Status fmi3ExitInitializationMode(fmi3Instance instance) {
    const char *why = model_initialise(((Component *)instance)->v);
    return why ? failed(instance, why) : fmi3OK;
}

fmi3Status fmi3Terminate(fmi3Instance instance) {
    (void)instance;
    return fmi3OK;
}

fmi3Status fmi3Reset(fmi3Instance instance) {
    model_start(((Component *)instance)->v);
    return fmi3OK;
}

fmi3Status fmi3GetFloat64(fmi3Instance instance, const fmi3ValueReference references[], size_t n,
                          fmi3Float64 values[], size_t nValues) {
    Component *c = instance;
    if (nValues < n) return failed(c, "fewer values than value references");
    for (size_t k = 0; k < n; k++) {
        if (references[k] >= REALS) return failed(c, "no Float64 variable has this value reference");
    }
    model_outputs(c->v);
    for (size_t k = 0; k < n; k++) values[k] = c->v[references[k]];
    return fmi3OK;
}

fmi3Status fmi3SetFloat64(fmi3Instance instance, const fmi3ValueReference references[], size_t n,
                          const fmi3Float64 values[], size_t nValues) {
    Component *c = instance;
    if (nValues < n) return failed(c, "fewer values than value references");
    for (size_t k = 0; k < n; k++) {
        if (references[k] == 0 || references[k] >= REALS)
            return failed(c, "no Float64 variable that can be set has this value reference");
        c->v[references[k]] = values[k];
    }
    return fmi3OK;
}

fmi3Status fmi3DoStep(fmi3Instance instance, fmi3Float64 currentCommunicationPoint, fmi3Float64 communicationStepSize,
                      fmi3Boolean noSetFMUStatePriorToCurrentPoint, fmi3Boolean *eventHandlingNeeded,
                      fmi3Boolean *terminateSimulation, fmi3Boolean *earlyReturn, fmi3Float64 *lastSuccessfulTime) {
    (void)noSetFMUStatePriorToCurrentPoint;
    Component *c = instance;
    *eventHandlingNeeded = *terminateSimulation = *earlyReturn = fmi3False;
    *lastSuccessfulTime = currentCommunicationPoint;
    const char *why = model_step(c->v, communicationStepSize);
    if (why) return failed(c, why);
    c->v[0] = *lastSuccessfulTime = currentCommunicationPoint + communicationStepSize;
    return fmi3OK;
}

fmi3Status fmi3GetFMUState(fmi3Instance instance, fmi3FMUState *state) {
    if (!*state && !(*state = malloc(sizeof(State)))) return failed(instance, "no memory for the state");
    memcpy(*state, ((Component *)instance)->v, sizeof(State));
    return fmi3OK;
}

fmi3Status fmi3SetFMUState(fmi3Instance instance, fmi3FMUState state) {
    memcpy(((Component *)instance)->v, state, sizeof(State));
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

/* What these models do not have. Every function must be there for a loader that asks for all of them. */
fmi3Instance fmi3InstantiateModelExchange(fmi3String instanceName, fmi3String instantiationToken,
                                          fmi3String resourcePath, fmi3Boolean visible, fmi3Boolean loggingOn,
                                          fmi3InstanceEnvironment environment, fmi3LogMessageCallback log) {
    (void)instanceName, (void)instantiationToken, (void)resourcePath, (void)visible, (void)loggingOn;
    (void)environment, (void)log;
    return NULL;
}

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
#define REFERENCES const fmi3ValueReference r[], size_t n
#define ABSENT_TYPE(type)                                                       \
    ABSENT(fmi3Get##type, REFERENCES, fmi3##type values[], size_t nValues)      \
    ABSENT(fmi3Set##type, REFERENCES, const fmi3##type values[], size_t nValues)

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
ABSENT_TYPE(Float32)
ABSENT_TYPE(Int8)
ABSENT_TYPE(UInt8)
ABSENT_TYPE(Int16)
ABSENT_TYPE(UInt16)
ABSENT_TYPE(Int32)
ABSENT_TYPE(UInt32)
ABSENT_TYPE(Int64)
ABSENT_TYPE(UInt64)
ABSENT_TYPE(Boolean)
ABSENT_TYPE(String)
ABSENT(fmi3GetBinary, REFERENCES, size_t sizes[], fmi3Binary values[], size_t nValues)
ABSENT(fmi3SetBinary, REFERENCES, const size_t sizes[], const fmi3Binary values[], size_t nValues)
ABSENT(fmi3GetClock, REFERENCES, fmi3Clock values[])
ABSENT(fmi3SetClock, REFERENCES, const fmi3Clock values[])
ABSENT(fmi3GetNumberOfVariableDependencies, fmi3ValueReference r, size_t *n)
ABSENT(fmi3GetVariableDependencies, fmi3ValueReference dependent, size_t elements[], fmi3ValueReference r[],
       size_t independents[], fmi3DependencyKind kinds[], size_t n)
ABSENT(fmi3GetDirectionalDerivative, REFERENCES, const fmi3ValueReference knowns[], size_t nKnowns,
       const fmi3Float64 seed[], size_t nSeed, fmi3Float64 sensitivity[], size_t nSensitivity)
ABSENT(fmi3GetAdjointDerivative, REFERENCES, const fmi3ValueReference knowns[], size_t nKnowns,
       const fmi3Float64 seed[], size_t nSeed, fmi3Float64 sensitivity[], size_t nSensitivity)
ABSENT(fmi3EnterConfigurationMode)
ABSENT(fmi3ExitConfigurationMode)
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
ABSENT(fmi3EnterStepMode)
ABSENT(fmi3GetOutputDerivatives, REFERENCES, const fmi3Int32 orders[], fmi3Float64 values[], size_t nValues)
ABSENT(fmi3ActivateModelPartition, fmi3ValueReference clock, fmi3Float64 time)
#pragma GCC diagnostic pop
