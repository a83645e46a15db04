/* The co-simulation algorithms of fmu/master.py over flat arrays: the same operations on the same numbers in the same
 * order, so that both give the same bits. It must be compiled without contraction and without fast-math.
 *
 * Values of outputs lie in arenas of one layout: what the step makes (next), what was before it (now), and what was
 * before that (past). fmu/kernel/layout.py has the same structures.
 */
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#if !defined(_WIN32)
#include <errno.h>
#include <unistd.h>
#endif

enum { F32, F64, I8, U8, I16, U16, I32, U32, I64, U64, BOOL8, BOOL32 };
enum { COPY, LINEAR, WHOLE, LOGIC, TABLE };
enum { DONE = 0, REFUSED = -1, UNFIT = -2, UNMAPPED = -3, NO_END = -4, TOO_COARSE = -5, ENDED = -6 };
enum { DO_STEP, SET, GET, SLOPES, SAVE, RESTORE };
enum { JACOBI, GAUSS_SEIDEL };
enum { NONE, FIXED_POINT, NEWTON };
#define WARNING 1
#define CRUMB 1e-6
#define PERTURBATION 1.4901161193847656e-08

typedef struct { uint64_t count; double time; uint64_t what; /* instance, then call: one write for both */ } Page;

typedef struct {
    void *call;
    const uint32_t *references;
    size_t count;
    void *values;
    size_t total;
    uint32_t name;
    int32_t major;
} Access;

typedef struct { int64_t whole; double number; uint64_t target; } Pair;

typedef struct {
    const char *source;
    char *target;
    int32_t from, to, how, count;
    double factor, offset;
    double least, beyond; /* of an integer target: least <= value < beyond */
    const Pair *pairs;
    int64_t pair_count;
    ptrdiff_t place; /* of the source in the arenas; what follows is for smooth inputs only */
    int32_t smooth, fresh;
} Wire;

typedef struct { void *component, *get, *set, *state; double time; uint32_t get_name, set_name; int32_t ended, unused; } Memory;

typedef struct {
    void *component, *step;
    int32_t major, final, substeps, ended;
    uint32_t step_name, slopes_name;
    int32_t wires_from, wires_to, sets_from, sets_to, gets_from, gets_to;
    double time;
    void *slopes;
    const uint32_t *slope_references;
    const int32_t *slope_orders;
    double *slope_values;
    const int32_t *slope_wires;
    int64_t slope_wire_count;
    Memory *memory, *whole;
} Node;

/* An instance whose inputs are copied as they are, with one call to set and one to get: most of them, in two cache lines. */
typedef struct {
    void *component, *set, *step, *get;
    const uint32_t *set_references, *get_references;
    void *set_values, *get_values;
    uint64_t set_note, step_note, get_note;
    const char *const *sources; /* of the values that are copied; null: the values are set from where they are */
    uint32_t set_count, get_count, wire_count;
    int32_t usable, final, unused;
} Quick;

typedef struct { ptrdiff_t place; double nominal; int32_t type, unused; } Real;
typedef struct { ptrdiff_t place; int32_t bytes, type; } Other;

typedef struct {
    int32_t from, to, iterated, reals_from, reals_to, others_from, others_to, unused;
} Group;

typedef int (*Refused)(int32_t node, int32_t what, int32_t status);

typedef struct {
    Node *nodes;
    int64_t node_count;
    Wire *wires;
    Access *accesses;
    const int32_t *order;
    Group *groups;
    int64_t group_count;
    Real *reals;
    Other *others;
    Wire *readings;
    int64_t reading_count;
    Real *judged; /* outputs whose error chooses the step */
    int64_t judged_count;
    char *next, *now, *past, *older;
    size_t size;
    char *outer;
    size_t outer_size;
    char *row;
    size_t row_size;
    double times[3];
    int32_t points, extrapolation, master, loops;
    double relaxation, tolerance;
    int64_t iterations;
    int32_t adaptive, back;
    double error_tolerance, least, most, chosen;
    double *work;
    char *kept; /* six arenas */
    Page *page;
    Refused refused;
    Quick *quick;
    const char **sources;
    double origin, span, reached;
    int64_t made, all_quick;
    int64_t steps, repeats, fault, rows, any_ended;
    double fault_value, fault_time;
} Loop;

typedef int (*Step2)(void *, double, double, int);
typedef int (*Step3)(void *, double, double, bool, bool *, bool *, bool *, double *);
typedef int (*Access2)(void *, const uint32_t *, size_t, void *);
typedef int (*Access3)(void *, const uint32_t *, size_t, void *, size_t);
typedef int (*Slopes2)(void *, const uint32_t *, size_t, const int32_t *, const double *);
typedef int (*State2)(void *, void *);

static inline uint64_t what_of(uint32_t instance, uint32_t call) { return instance | (uint64_t)call << 32; }

static inline void note(Page *page, uint32_t instance, uint32_t call, double time) {
    page->what = what_of(instance, call);
    page->time = time;
    page->count++;
}

/* ---- values ---- */

static inline double number_at(const char *at, int type) {
    switch (type) {
    case F32: { float v; memcpy(&v, at, sizeof v); return v; }
    case F64: { double v; memcpy(&v, at, sizeof v); return v; }
    case U64: { uint64_t v; memcpy(&v, at, sizeof v); return (double)v; }
    case I8: { int8_t v; memcpy(&v, at, sizeof v); return v; }
    case U8: case BOOL8: { uint8_t v; memcpy(&v, at, sizeof v); return v; }
    case I16: { int16_t v; memcpy(&v, at, sizeof v); return v; }
    case U16: { uint16_t v; memcpy(&v, at, sizeof v); return v; }
    case I32: case BOOL32: { int32_t v; memcpy(&v, at, sizeof v); return v; }
    case U32: { uint32_t v; memcpy(&v, at, sizeof v); return v; }
    default: { int64_t v; memcpy(&v, at, sizeof v); return (double)v; }
    }
}

static inline int64_t whole_at(const char *at, int type) {
    switch (type) {
    case I8: { int8_t v; memcpy(&v, at, sizeof v); return v; }
    case U8: { uint8_t v; memcpy(&v, at, sizeof v); return v; }
    case I16: { int16_t v; memcpy(&v, at, sizeof v); return v; }
    case U16: { uint16_t v; memcpy(&v, at, sizeof v); return v; }
    case I32: { int32_t v; memcpy(&v, at, sizeof v); return v; }
    case U32: { uint32_t v; memcpy(&v, at, sizeof v); return v; }
    case BOOL8: { uint8_t v; memcpy(&v, at, sizeof v); return v != 0; }
    case BOOL32: { int32_t v; memcpy(&v, at, sizeof v); return v != 0; }
    default: { int64_t v; memcpy(&v, at, sizeof v); return v; }
    }
}

static inline size_t width(int type) {
    static const uint8_t widths[] = {4, 8, 1, 1, 2, 2, 4, 4, 8, 8, 1, 4};
    return widths[type];
}

static inline void put_number(char *at, int type, double value) {
    if (type == F32) {
        float v = (float)value;
        memcpy(at, &v, sizeof v);
    } else
        memcpy(at, &value, sizeof value);
}

static inline void put_whole(char *at, int type, int64_t value) {
    switch (width(type)) {
    case 1: { int8_t v = (int8_t)value; memcpy(at, &v, sizeof v); break; }
    case 2: { int16_t v = (int16_t)value; memcpy(at, &v, sizeof v); break; }
    case 4: { int32_t v = (int32_t)value; memcpy(at, &v, sizeof v); break; }
    default: memcpy(at, &value, sizeof value);
    }
}

static inline double applied(const Wire *w, double value) {
    return w->factor == 1.0 && w->offset == 0.0 ? value : w->factor * value + w->offset;
}

static int carry_whole(Loop *s, const Wire *w, const char *source, char *target) {
    if (w->factor == 1.0 && w->offset == 0.0) {
        /* 64 bits each way, where a double would round */
        bool wide = w->from == U64 && (whole_at(source, U64) < 0);
        int64_t value = whole_at(source, w->from);
        bool fits = wide ? w->to == U64 : w->to == U64 ? value >= 0
                  : (w->to == I64 || ((double)value >= w->least && (double)value < w->beyond));
        if (!fits) {
            s->fault_value = number_at(source, w->from);
            return UNFIT;
        }
        put_whole(target, w->to, value);
        return DONE;
    }
    double value = w->factor * number_at(source, w->from) + w->offset;
    double rounded = nearbyint(value);
    if (!isfinite(value) || !(rounded >= w->least && rounded < w->beyond)) {
        s->fault_value = isfinite(value) ? rounded : value;
        return UNFIT;
    }
    if (w->to == U64) {
        uint64_t v = (uint64_t)rounded;
        memcpy(target, &v, sizeof v);
    } else
        put_whole(target, w->to, (int64_t)rounded);
    return DONE;
}

static int look_up(Loop *s, const Wire *w, const char *source, char *target) {
    bool real = w->from == F32 || w->from == F64;
    double number = real ? number_at(source, w->from) : 0.0;
    int64_t whole = real ? 0 : whole_at(source, w->from);
    for (int64_t k = 0; k < w->pair_count; k++)
        if (real ? w->pairs[k].number == number : w->pairs[k].whole == whole) {
            memcpy(target, &w->pairs[k].target, width(w->to));
            return DONE;
        }
    s->fault_value = number_at(source, w->from);
    return UNMAPPED;
}

static int carry_one(Loop *s, const Wire *w, const char *source, char *target) {
    switch (w->how) {
    case LINEAR:
        put_number(target, w->to, applied(w, number_at(source, w->from)));
        return DONE;
    case WHOLE:
        return carry_whole(s, w, source, target);
    case LOGIC:
        put_whole(target, w->to, whole_at(source, w->from));
        return DONE;
    case TABLE:
        return look_up(s, w, source, target);
    default:
        memcpy(target, source, width(w->to));
        return DONE;
    }
}

static int carry(Loop *s, const Wire *w, const char *source) {
    if (w->how == COPY) {
        if (w->count == 1 && width(w->to) == 8)
            memcpy(w->target, source, 8);
        else
            memcpy(w->target, source, (size_t)w->count * width(w->to));
        return DONE;
    }
    for (int32_t k = 0; k < w->count; k++) {
        int code = carry_one(s, w, source + (size_t)k * width(w->from), w->target + (size_t)k * width(w->to));
        if (code) return code;
    }
    return DONE;
}

/* ---- inputs that follow a polynomial; see `polynomial` and `slopes` in fmu/master.py ---- */

static int points_of(const Loop *s, const Wire *w, int32_t element, double end, double times[3], double values[3]) {
    const char *arenas[] = {s->next, s->now, s->past, s->older};
    ptrdiff_t place = w->place + element * (ptrdiff_t)width(w->from);
    int first = w->fresh ? 0 : 1, have = s->points + (w->fresh ? 1 : 0), count = s->extrapolation + 1;
    if (count > have) count = have;
    for (int k = 0; k < count; k++) {
        values[k] = number_at(arenas[first + k] + place, w->from);
        times[k] = first + k ? s->times[first + k - 1] : end;
    }
    return count;
}

static double polynomial(int count, const double *t, const double *v, double at) {
    if (count == 1) return v[0];
    double first = (v[0] - v[1]) / (t[0] - t[1]);
    if (count == 2) return v[0] + (at - t[0]) * first;
    double second = (first - (v[1] - v[2]) / (t[1] - t[2])) / (t[0] - t[2]);
    return v[0] + (at - t[0]) * (first + (at - t[1]) * second);
}

static void derivatives(int count, const double *t, const double *v, double at, double found[2]) {
    found[0] = found[1] = 0.0;
    if (count == 1) return;
    found[0] = (v[0] - v[1]) / (t[0] - t[1]);
    if (count == 2) return;
    double second = (found[0] - (v[1] - v[2]) / (t[1] - t[2])) / (t[0] - t[2]);
    found[0] = found[0] + ((at - t[0]) + (at - t[1])) * second;
    found[1] = 2.0 * second;
}

static int gather(Loop *s, const Node *node, double at, double end) {
    for (int32_t k = node->wires_from; k < node->wires_to; k++) {
        const Wire *w = &s->wires[k];
        if (!w->smooth) {
            int code = carry(s, w, w->source);
            if (code) {
                s->fault = k;
                s->fault_time = at;
                return code;
            }
            continue;
        }
        for (int32_t element = 0; element < w->count; element++) {
            double t[3], v[3];
            int count = points_of(s, w, element, end, t, v);
            put_number(w->target + (size_t)element * width(w->to), w->to, applied(w, polynomial(count, t, v, at)));
        }
    }
    return DONE;
}

/* ---- calls; an answer above Warning goes to Python, which knows what it means ---- */

static int access_all(Loop *s, int32_t index, int32_t from, int32_t to, int what, double time) {
    Node *node = &s->nodes[index];
    for (int32_t k = from; k < to; k++) {
        const Access *a = &s->accesses[k];
        note(s->page, (uint32_t)index, a->name, time);
        int status = a->major >= 3 ? ((Access3)a->call)(node->component, a->references, a->count, a->values, a->total)
                                   : ((Access2)a->call)(node->component, a->references, a->count, a->values);
        if (status > WARNING) {
            node->time = time;
            if (s->refused(index, (what << 16) | (k - from), status)) return REFUSED;
        }
    }
    return DONE;
}

static int set_slopes(Loop *s, int32_t index, double at, double end) {
    Node *node = &s->nodes[index];
    int64_t count = 0;
    for (int64_t k = 0; k < node->slope_wire_count; k++) {
        const Wire *w = &s->wires[node->slope_wires[k]];
        for (int32_t element = 0; element < w->count; element++) {
            double t[3], v[3], found[2];
            derivatives(points_of(s, w, element, end, t, v), t, v, at, found);
            for (int order = 0; order < s->extrapolation; order++) node->slope_values[count++] = w->factor * found[order];
        }
    }
    note(s->page, (uint32_t)index, node->slopes_name, at);
    int status = ((Slopes2)node->slopes)(node->component, node->slope_references, (size_t)count, node->slope_orders,
                                         node->slope_values);
    if (status > WARNING) {
        node->time = at;
        if (s->refused(index, SLOPES << 16, status)) return REFUSED;
    }
    return DONE;
}

static int do_step(Loop *s, int32_t index, double at, double step) {
    Node *node = &s->nodes[index];
    node->time = at;
    note(s->page, (uint32_t)index, node->step_name, at);
    int status;
    if (node->major >= 3) {
        bool event = false, ended = false, early = false;
        double reached = at;
        status = ((Step3)node->step)(node->component, at, step, node->final, &event, &ended, &early, &reached);
        if (status <= WARNING && ended) {
            node->ended = 1;
            s->any_ended = 1;
            node->time = reached;
        }
    } else
        status = ((Step2)node->step)(node->component, at, step, node->final);
    if (status > WARNING && s->refused(index, DO_STEP << 16, status)) return REFUSED;
    return DONE;
}

static int advance(Loop *s, int32_t index, double begin, double end, double step) {
    Node *node = &s->nodes[index];
    if (node->ended) return DONE;
    double own = node->substeps == 1 ? step : step / node->substeps;
    for (int32_t k = 0; k < node->substeps; k++) {
        double at = begin + k * own;
        int code;
        if (node->wires_to > node->wires_from && (k == 0 || s->extrapolation)) {
            if ((code = gather(s, node, at, end))) return code;
            if ((code = access_all(s, index, node->sets_from, node->sets_to, SET, at))) return code;
            if (node->slopes && (code = set_slopes(s, index, at, end))) return code;
        }
        if ((code = do_step(s, index, at, own))) return code;
        if (node->ended) return DONE;
    }
    node->time = end;
    return DONE;
}

static inline int fetch(Loop *s, int32_t index) {
    const Node *node = &s->nodes[index];
    return access_all(s, index, node->gets_from, node->gets_to, GET, node->time);
}

/* ---- the same for an instance that is quick: no sub-steps, no polynomial, nothing has ended ---- */

static inline int quick_step(Loop *s, int32_t index, double at, double step) {
    const Quick *q = &s->quick[index];
    Page *page = s->page;
    int status;
    page->time = at;
    if (q->set) {
        for (uint32_t k = 0; k < q->wire_count; k++) memcpy((char *)q->set_values + 8 * k, q->sources[k], 8);
        page->what = q->set_note;
        status = ((Access2)q->set)(q->component, q->set_references, q->set_count, q->set_values);
        if (status > WARNING) {
            s->nodes[index].time = at;
            if (s->refused(index, SET << 16, status)) return REFUSED;
        }
    }
    page->what = q->step_note;
    status = ((Step2)q->step)(q->component, at, step, q->final);
    if (status > WARNING) {
        s->nodes[index].time = at;
        if (s->refused(index, DO_STEP << 16, status)) return REFUSED;
    }
    return DONE;
}

static inline int quick_fetch(Loop *s, int32_t index, double end) {
    const Quick *q = &s->quick[index];
    if (!q->get) return DONE;
    s->page->time = end;
    s->page->what = q->get_note;
    int status = ((Access2)q->get)(q->component, q->get_references, q->get_count, q->get_values);
    if (status > WARNING) {
        s->nodes[index].time = end;
        if (s->refused(index, GET << 16, status)) return REFUSED;
    }
    return DONE;
}

/* Finds the instances that are quick. `sources` has room for every wire. */
void loop_prepare(Loop *s) {
    s->all_quick = 1;
    for (int64_t k = 0; k < s->group_count; k++) s->all_quick &= !s->groups[k].iterated;
    for (int32_t index = 0; index < s->node_count; index++) {
        const Node *node = &s->nodes[index];
        Quick *q = &s->quick[index];
        memset(q, 0, sizeof *q);
        int32_t sets = node->sets_to - node->sets_from, gets = node->gets_to - node->gets_from;
        int32_t wires = node->wires_to - node->wires_from;
        q->usable = node->major < 3 && sets <= 1 && gets <= 1 && !s->extrapolation;
        for (int32_t k = node->wires_from; k < node->wires_to; k++)
            q->usable &= s->wires[k].how == COPY && s->wires[k].count == 1 && width(s->wires[k].to) == 8;
        s->all_quick &= q->usable && node->substeps == 1;
        if (!q->usable) continue;
        q->component = node->component;
        q->step = node->step;
        q->final = node->final;
        q->step_note = what_of((uint32_t)index, node->step_name);
        if (sets) {
            const Access *a = &s->accesses[node->sets_from];
            q->set = a->call;
            q->set_references = a->references;
            q->set_count = (uint32_t)a->count;
            q->set_values = a->values;
            q->set_note = what_of((uint32_t)index, a->name);
            q->sources = &s->sources[node->wires_from];
            q->wire_count = (uint32_t)wires;
            for (int32_t k = 0; k < wires; k++) {
                const Wire *w = &s->wires[node->wires_from + k];
                s->sources[node->wires_from + (w->target - (char *)a->values) / 8] = w->source;
            }
            if (wires == 1) {
                q->set_values = (void *)s->wires[node->wires_from].source;
                q->wire_count = 0;
            }
        }
        if (gets) {
            const Access *a = &s->accesses[node->gets_from];
            q->get = a->call;
            q->get_references = a->references;
            q->get_count = (uint32_t)a->count;
            q->get_values = a->values;
            q->get_note = what_of((uint32_t)index, a->name);
        }
    }
}

static int remember(Loop *s, int32_t index, Memory *m, int what) {
    Node *node = &s->nodes[index];
    note(s->page, (uint32_t)index, what == SAVE ? m->get_name : m->set_name, node->time);
    int status = what == SAVE ? ((State2)m->get)(node->component, &m->state) : ((State2)m->set)(node->component, m->state);
    if (status > WARNING && s->refused(index, what << 16, status)) return REFUSED;
    if (what == SAVE) {
        m->time = node->time;
        m->ended = node->ended;
    } else {
        node->time = m->time;
        node->ended = m->ended;
    }
    return DONE;
}

/* ---- loops ---- */

static void read_reals(const Loop *s, const Group *g, double *to) {
    for (int32_t k = g->reals_from; k < g->reals_to; k++) *to++ = number_at(s->next + s->reals[k].place, s->reals[k].type);
}

static void put_reals(Loop *s, const Group *g, const double *from) {
    for (int32_t k = g->reals_from; k < g->reals_to; k++) put_number(s->next + s->reals[k].place, s->reals[k].type, *from++);
}

static bool agree(const Loop *s, const Group *g, const double *before, const double *after) {
    for (int32_t k = g->reals_from; k < g->reals_to; k++, before++, after++)
        if (!(fabs(*after - *before) <= s->tolerance * s->reals[k].nominal)) return false;
    return true;
}

static void keep_others(const Loop *s, const Group *g, char *to) {
    for (int32_t k = g->others_from; k < g->others_to; k++)
        memcpy(to + s->others[k].place, s->next + s->others[k].place, (size_t)s->others[k].bytes);
}

static bool same_others(const Loop *s, const Group *g, const char *kept) {
    for (int32_t k = g->others_from; k < g->others_to; k++) {
        const Other *o = &s->others[k];
        size_t step = width(o->type);
        for (size_t at = 0; at < (size_t)o->bytes; at += step)
            if (whole_at(kept + o->place + at, o->type) != whole_at(s->next + o->place + at, o->type)) return false;
    }
    return true;
}

static int back(Loop *s, const Group *g) {
    for (int32_t k = g->from; k < g->to; k++) {
        int code = remember(s, s->order[k], s->nodes[s->order[k]].memory, RESTORE);
        if (code) return code;
    }
    s->repeats++;
    return DONE;
}

static int sweep(Loop *s, const Group *g, double begin, double end, double step) {
    bool at_once = s->master == JACOBI || s->loops == NEWTON;
    int code;
    for (int32_t k = g->from; k < g->to; k++) {
        if ((code = advance(s, s->order[k], begin, end, step))) return code;
        if (!at_once && (code = fetch(s, s->order[k]))) return code;
    }
    for (int32_t k = g->from; at_once && k < g->to; k++)
        if ((code = fetch(s, s->order[k]))) return code;
    return DONE;
}

static int no_end(Loop *s, const Group *g, double begin) {
    s->fault = g - s->groups;
    s->fault_time = begin;
    return NO_END;
}

static int fixed_point(Loop *s, const Group *g, double begin, double end, double step) {
    int32_t count = g->reals_to - g->reals_from;
    double *before = s->work, *after = s->work + count;
    char *others = s->kept + 3 * s->size;
    for (int64_t round = 0; round < s->iterations; round++) {
        int code;
        if (round && (code = back(s, g))) return code;
        read_reals(s, g, before);
        keep_others(s, g, others);
        if ((code = sweep(s, g, begin, end, step))) return code;
        read_reals(s, g, after);
        if (agree(s, g, before, after) && same_others(s, g, others)) return DONE;
        if (s->relaxation != 1.0) {
            for (int32_t k = 0; k < count; k++) after[k] = before[k] + s->relaxation * (after[k] - before[k]);
            put_reals(s, g, after);
        }
    }
    return no_end(s, g, begin);
}

/* See fmu/linear.py. The right side is the last column; x comes out in its place. */
static bool solve(int32_t size, double *rows, double *x) {
    int32_t w = size + 1;
    for (int32_t k = 0; k < size; k++) {
        int32_t best = k;
        for (int32_t row = k + 1; row < size; row++)
            if (fabs(rows[row * w + k]) > fabs(rows[best * w + k])) best = row;
        if (!(fabs(rows[best * w + k]) > 0.0)) return false;
        for (int32_t column = 0; column < w && best != k; column++) {
            double held = rows[k * w + column];
            rows[k * w + column] = rows[best * w + column];
            rows[best * w + column] = held;
        }
        for (int32_t row = k + 1; row < size; row++) {
            double share = rows[row * w + k] / rows[k * w + k];
            for (int32_t column = k; column < w; column++)
                rows[row * w + column] = rows[row * w + column] - share * rows[k * w + column];
        }
    }
    for (int32_t k = size - 1; k >= 0; k--) {
        double value = rows[k * w + size];
        for (int32_t column = k + 1; column < size; column++) value = value - rows[k * w + column] * x[column];
        x[k] = value / rows[k * w + k];
    }
    return true;
}

static int newton(Loop *s, const Group *g, double begin, double end, double step) {
    int32_t size = g->reals_to - g->reals_from;
    double *point = s->work, *given = point + size, *moved = given + size, *change = moved + size, *rows = change + size;
    char *others = s->kept + 3 * s->size, *found = s->kept + 4 * s->size;
    for (int64_t round = 0; round < s->iterations; round++) {
        int code;
        if (round && (code = back(s, g))) return code;
        read_reals(s, g, point);
        keep_others(s, g, others);
        if ((code = sweep(s, g, begin, end, step))) return code;
        read_reals(s, g, given);
        if (agree(s, g, point, given) && same_others(s, g, others)) return DONE;
        memcpy(found, s->next, s->size);
        for (int32_t column = 0; column < size; column++) {
            if ((code = back(s, g))) return code;
            double nominal = s->reals[g->reals_from + column].nominal;
            double move = PERTURBATION * (nominal > fabs(point[column]) ? nominal : fabs(point[column]));
            memcpy(moved, point, (size_t)size * sizeof *moved);
            moved[column] = point[column] + move;
            put_reals(s, g, moved);
            if ((code = sweep(s, g, begin, end, step))) return code;
            read_reals(s, g, moved);
            for (int32_t row = 0; row < size; row++)
                rows[row * (size + 1) + column] = (moved[row] - given[row]) / move - (row == column ? 1.0 : 0.0);
        }
        for (int32_t row = 0; row < size; row++) rows[row * (size + 1) + size] = point[row] - given[row];
        memcpy(s->next, found, s->size);
        if (solve(size, rows, change)) {
            for (int32_t k = 0; k < size; k++) moved[k] = point[k] + change[k];
            put_reals(s, g, moved);
        }
    }
    return no_end(s, g, begin);
}

static int iterate(Loop *s, const Group *g, double begin, double end, double step) {
    for (int32_t k = g->from; k < g->to; k++) {
        int code = remember(s, s->order[k], s->nodes[s->order[k]].memory, SAVE);
        if (code) return code;
    }
    return s->loops == NEWTON ? newton(s, g, begin, end, step) : fixed_point(s, g, begin, end, step);
}

/* ---- one macro step ---- */

static void commit(Loop *s, double end) {
    if (s->extrapolation > 1) memcpy(s->older, s->past, s->size);
    if (s->extrapolation > 0) memcpy(s->past, s->now, s->size);
    memcpy(s->now, s->next, s->size);
    for (int k = s->extrapolation; k > 0; k--) s->times[k] = s->times[k - 1];
    s->times[0] = end;
    if (s->points <= s->extrapolation) s->points++;
}

/* When all are quick, nothing else is looked at, and the time that each has reached is the system's. An instance's
 * outputs are read at once in Jacobi too: they go to `next`, while the others' inputs come from `now`. */
static int quick_macro(Loop *s, double begin, double end, double step) {
    s->page->count++;
    for (int64_t k = 0; k < s->node_count; k++) {
        int32_t index = s->order[k];
        int code;
        if ((code = quick_step(s, index, begin, step)) || (code = quick_fetch(s, index, end))) return code;
    }
    commit(s, end);
    return DONE;
}

static int macro(Loop *s, double begin, double end, double step) {
    bool seidel = s->master == GAUSS_SEIDEL;
    int code;
    s->reached = begin;
    if (s->all_quick) {
        if ((code = quick_macro(s, begin, end, step))) return code;
        s->reached = end;
        return DONE;
    }
    for (int64_t k = 0; k < s->group_count; k++) {
        const Group *g = &s->groups[k];
        if (g->iterated) {
            if ((code = iterate(s, g, begin, end, step))) return code;
            continue;
        }
        int32_t index = s->order[g->from];
        if (s->quick[index].usable && s->nodes[index].substeps == 1 && !s->nodes[index].ended) {
            if ((code = quick_step(s, index, begin, step))) return code;
            if (!s->nodes[index].ended) s->nodes[index].time = end;
            if (seidel && (code = quick_fetch(s, index, end))) return code;
            continue;
        }
        if ((code = advance(s, index, begin, end, step))) return code;
        if (seidel && (code = fetch(s, index))) return code;
    }
    for (int64_t k = 0; !seidel && k < s->group_count; k++) {
        int32_t index = s->order[s->groups[k].from];
        if (s->groups[k].iterated) continue;
        if ((code = s->quick[index].usable ? quick_fetch(s, index, end) : fetch(s, index))) return code;
    }
    commit(s, end);
    return DONE;
}

static bool any_ended(const Loop *s) {
    /* a step that was taken back leaves the mark, so it is looked at again */
    for (int64_t k = 0; s->any_ended && k < s->node_count; k++)
        if (s->nodes[k].ended) return true;
    return false;
}

/* ---- adaptive step ---- */

typedef struct { double times[3]; int32_t points; } Kept;

static int keep(Loop *s, Kept *kept) {
    for (int32_t k = 0; k < s->node_count; k++) {
        int code = remember(s, k, s->nodes[k].whole, SAVE);
        if (code) return code;
    }
    memcpy(s->kept, s->now, s->size);
    memcpy(s->kept + s->size, s->past, s->size);
    memcpy(s->kept + 2 * s->size, s->older, s->size);
    memcpy(kept->times, s->times, sizeof kept->times);
    kept->points = s->points;
    return DONE;
}

static int go_back(Loop *s, const Kept *kept) {
    for (int32_t k = 0; k < s->node_count; k++) {
        int code = remember(s, k, s->nodes[k].whole, RESTORE);
        if (code) return code;
    }
    memcpy(s->now, s->kept, s->size);
    memcpy(s->next, s->kept, s->size);
    memcpy(s->past, s->kept + s->size, s->size);
    memcpy(s->older, s->kept + 2 * s->size, s->size);
    memcpy(s->times, kept->times, sizeof kept->times);
    s->points = kept->points;
    return DONE;
}

static double error_of(const Loop *s, const char *whole) {
    double worst = 0.0;
    for (int64_t k = 0; k < s->judged_count; k++) {
        const Real *r = &s->judged[k];
        double a = number_at(whole + r->place, r->type), b = number_at(s->now + r->place, r->type);
        double size = fabs(b);
        double allowed = s->error_tolerance * (r->nominal > size ? r->nominal : size);
        double share = fabs(a - b) / allowed;
        if (share > worst) worst = share;
    }
    return worst;
}

static int adapt(Loop *s, double begin, double end) {
    double at = begin;
    char *whole = s->kept + 5 * s->size;
    while (at < end && !any_ended(s)) {
        double rest = end - at, step = s->chosen > s->least ? s->chosen : s->least;
        if (s->most < step) step = s->most;
        bool last = step >= rest * (1.0 - CRUMB);
        if (last) step = rest;
        double to = last ? end : at + step, middle = at + 0.5 * step;
        Kept kept;
        int code;
        if ((code = keep(s, &kept)) || (code = macro(s, at, to, step))) return code;
        memcpy(whole, s->now, s->size);
        if ((code = go_back(s, &kept)) || (code = macro(s, at, middle, 0.5 * step)) ||
            (code = macro(s, middle, to, 0.5 * step)))
            return code;
        double error = error_of(s, whole), power = -1.0 / (s->extrapolation + 2);
        double change = error == 0.0 ? 2.0 : 0.9 * pow(error, power);
        if (change < 0.2) change = 0.2;
        if (change > 2.0) change = 2.0;
        if (error <= 1.0) {
            s->steps++;
            if (!last || change < 1.0) s->chosen = step * change;
            at = to;
            continue;
        }
        if (step <= s->least) {
            s->fault_time = at;
            s->fault_value = error;
            return TOO_COARSE;
        }
        if ((code = go_back(s, &kept))) return code;
        s->chosen = step * (change < 0.9 ? change : 0.9);
        s->repeats++;
    }
    return DONE;
}

/* ---- what Python calls ---- */

static int record(Loop *s, char *row) {
    for (int64_t k = 0; k < s->reading_count; k++) {
        Wire w = s->readings[k];
        w.target = row + (w.target - s->row);
        int code = carry(s, &w, w.source);
        if (code) {
            s->fault = -1 - k;
            return code;
        }
    }
    return DONE;
}

/* Reads all outputs as they are, into next and now. */
int loop_fetch(Loop *s) {
    for (int32_t k = 0; k < s->node_count; k++) {
        int code = fetch(s, k);
        if (code) return code;
    }
    memcpy(s->now, s->next, s->size);
    return DONE;
}

int loop_record(Loop *s, char *row) { return record(s, row); }

static int one(Loop *s) {
    double begin = s->origin + (double)s->made * s->span, end = s->origin + (double)(s->made + 1) * s->span;
    int code = s->adaptive ? adapt(s, begin, end) : macro(s, begin, end, s->span);
    if (code) return code;
    if (!s->adaptive) s->steps++;
    s->made++;
    return DONE;
}

/* Makes one step, with these inputs or, if null, as they are; the outputs are in `row` then. */
int loop_step(Loop *s, const char *inputs) {
    if (any_ended(s)) return ENDED;
    if (inputs) memcpy(s->outer, inputs, s->outer_size);
    int code = one(s);
    return code ? code : record(s, s->row);
}

#if !defined(_WIN32)
/* Answers requests for one step of the length that `begin` said, as fmu/channel.py sends them, until something else
 * comes. Gives the number of bytes of that, which are in `buffer`, 0 when the other end has gone, or what went wrong.
 * A live step costs two system calls here, and no Python, which would be cold after each pause. */
int64_t loop_serve(Loop *s, int source, int sink, char *buffer, int64_t capacity) {
    const uint64_t head = 9, answer = 1 + s->row_size;
    int64_t have = 0;
    for (;;) {
        ssize_t got = read(source, buffer + have, (size_t)(capacity - have));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return 0;
        have += got;
        uint64_t length = 0;
        double span = 0.0;
        if (have < 8) continue;
        memcpy(&length, buffer, 8);
        bool fits = length == head || length == head + s->outer_size;
        if (!fits || (have > 8 && buffer[8] != 's')) return have;
        if (have < 8 + (int64_t)length) continue;
        memcpy(&span, buffer + 9, 8);
        if (have > 8 + (int64_t)length || span != s->span || any_ended(s)) return have;
        int code = loop_step(s, length > head ? buffer + 8 + head : NULL);
        if (code) return code;
        memcpy(buffer, &answer, 8);
        buffer[8] = any_ended(s);
        memcpy(buffer + 9, s->row, s->row_size);
        for (size_t sent = 0; sent < 8 + answer;) {
            ssize_t put = write(sink, buffer + sent, (size_t)(8 + answer - sent));
            if (put < 0 && errno == EINTR) continue;
            if (put < 0) return 0;
            sent += (size_t)put;
        }
        have = 0;
    }
}
#endif

/* Makes `count` steps. `inputs` has a row for each, or is null. Of every `every`-th step a row and its time are written.
 * Gives the number of steps made, or what went wrong. */
int64_t loop_run(Loop *s, int64_t count, const char *inputs, char *rows, double *times, int64_t every) {
    s->rows = 0;
    for (int64_t k = 0; k < count; k++) {
        if (inputs) memcpy(s->outer, inputs + (size_t)k * s->outer_size, s->outer_size);
        int code = one(s);
        if (code) return code;
        bool ended = any_ended(s);
        if (ended || s->made % every == 0) {
            if ((code = record(s, rows + (size_t)s->rows * s->row_size))) return code;
            times[s->rows++] = s->origin + (double)s->made * s->span;
        }
        if (ended) return k + 1;
    }
    return count;
}
