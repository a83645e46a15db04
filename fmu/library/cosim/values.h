/* The values of a small model and the functions it defines; the same for every version of FMI.
 *
 * A model.c defines, then includes "cosim.h" (the one of its FMI version is put beside it when it is built), then
 * writes the four functions below:
 *
 *   TOKEN      guid or instantiationToken of its modelDescription.xml
 *   REALS      how many real numbers it holds; value references 0 .. REALS-1, and 0 is the independent variable, time
 *   INTEGERS   optional: how many integers, booleans and enumerations; value references from 1000
 *   TEXTS      optional: how many strings; value references from 2000
 *   BLOBS      optional: how many binaries; value references from 3000
 *   ENDS       optional: the model defines model_ended, which tells that it wants to end (FMI 2.0 and 3.0)
 *   PARTIALS   optional: the model defines model_partial, from which derivatives are given (FMI 2.0 and 3.0)
 *   MODEL_EXCHANGE  optional: model exchange instead of co-simulation. The model defines STATES, INDICATORS and
 *              STATE_REFERENCES (value references of its states, such as {1, 2}), and in place of model_step the
 *              functions model_derivatives, model_indicators, model_event and model_completed
 *   ARRAYS     optional: the model has arrays of reals and defines model_size; an array's elements follow its reference
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef INTEGERS
#define INTEGERS 0
#endif
#ifndef TEXTS
#define TEXTS 0
#endif
#ifndef BLOBS
#define BLOBS 0
#endif
#define FIRST_INTEGER 1000
#define FIRST_TEXT 2000
#define FIRST_BLOB 3000
#define TEXT_BYTES 256

typedef struct {
    double v[REALS];
    int64_t i[INTEGERS + 1];
    char s[TEXTS + 1][TEXT_BYTES];
    struct {
        size_t size;
        uint8_t bytes[TEXT_BYTES];
    } b[BLOBS + 1];
    char resources[1024]; /* path of the folder resources, with a separator at its end */
} Values;

/* Start values of everything. */
static void model_start(Values *m);
/* Called when initialization ends; NULL, or why it cannot: a static text for the log, and the status Error. */
static const char *model_initialise(Values *m);
/* What follows from states, inputs and parameters; called before each get. */
static void model_outputs(Values *m);
#ifdef MODEL_EXCHANGE
/* What the model says at an event; zero, and next infinite, before it is asked. */
typedef struct {
    int again;   /* another round of the iteration is needed */
    int values;  /* states were changed */
    int ends;    /* the simulation shall end */
    double next; /* time of the next time event */
} Event;

static const unsigned model_states[STATES + 1] = STATE_REFERENCES;
/* Derivatives of the states in their order. */
static void model_derivatives(Values *m, double dx[]);
/* Event indicators; an event is where one changes between above 0 and not above 0. */
static void model_indicators(Values *m, double z[]);
/* Called at the start and in every round of an event. */
static void model_event(Values *m, Event *e);
/* Called after each step of the integrator; whether the model wants an event. */
static int model_completed(Values *m);
static const char *model_step(Values *m, double h) {
    (void)m, (void)h;
    return "this FMU has model exchange only";
}
#else
/* Advances by h seconds; NULL or why it cannot. m->v[0] is advanced by the caller. */
static const char *model_step(Values *m, double h);
#endif
#ifdef ARRAYS
/* Number of elements of the real variable of a value reference. */
static size_t model_size(const Values *m, unsigned reference);
#endif

#ifdef PARTIALS
/* The partial derivative of one real variable with respect to another, by their value references. */
static double model_partial(Values *m, unsigned unknown, unsigned known);
#endif

#ifdef ENDS
static int model_ended(const Values *m);
#else
static int model_ended(const Values *m) {
    (void)m;
    return 0;
}
#endif

static size_t size_of(const Values *m, unsigned reference) {
#ifdef ARRAYS
    return model_size(m, reference);
#else
    (void)m, (void)reference;
    return 1;
#endif
}

/* Gives where the real variable of a value reference begins, or NULL when there is none. */
static double *real_at(Values *m, unsigned reference) {
    return reference < REALS && reference + size_of(m, reference) <= REALS ? &m->v[reference] : NULL;
}

static int64_t *integer_at(Values *m, unsigned reference) {
    return reference >= FIRST_INTEGER && reference < FIRST_INTEGER + INTEGERS ? &m->i[reference - FIRST_INTEGER] : NULL;
}

static char *text_at(Values *m, unsigned reference) {
    return reference >= FIRST_TEXT && reference < FIRST_TEXT + TEXTS ? m->s[reference - FIRST_TEXT] : NULL;
}

static const char *put_text(Values *m, unsigned reference, const char *text) {
    char *place = text_at(m, reference);
    if (!place) return "no string variable has this value reference";
    if (!text || strlen(text) >= TEXT_BYTES) return "the string is missing or too long";
    strcpy(place, text);
    return NULL;
}
