/* The least that a chain of lags takes: the functions of the FMU through dlopen, arrays, two loops. Nothing is checked
 * but the status.
 *
 *     raw LIBRARY COUNT STEPS jacobi|gauss-seidel   prints nanoseconds for each FMU step (process CPU time), and x
 */
#define _POSIX_C_SOURCE 199309L
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fmi2Functions.h"

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int main(int argc, char **argv) {
    if (argc != 5) return 2;
    void *library = dlopen(argv[1], RTLD_NOW);
    if (!library) return 3;
    fmi2InstantiateTYPE *instantiate = (fmi2InstantiateTYPE *)dlsym(library, "fmi2Instantiate");
    fmi2SetRealTYPE *set = (fmi2SetRealTYPE *)dlsym(library, "fmi2SetReal");
    fmi2GetRealTYPE *get = (fmi2GetRealTYPE *)dlsym(library, "fmi2GetReal");
    fmi2DoStepTYPE *step = (fmi2DoStepTYPE *)dlsym(library, "fmi2DoStep");
    long count = atol(argv[2]), steps = atol(argv[3]);
    int seidel = !strcmp(argv[4], "gauss-seidel");
    fmi2Component *c = malloc((size_t)count * sizeof *c);
    double *u = calloc((size_t)count + 1, sizeof *u), *x = calloc((size_t)count, sizeof *x);
    const fmi2ValueReference input = 0, output = 2;
    fmi2CallbackFunctions functions = {0};
    for (long k = 0; k < count; k++) c[k] = instantiate("lag", fmi2CoSimulation, "{lag}", "", &functions, 0, 0);
    double h = 0.01, begun = now();
    int bad = 0;
    u[0] = 1.0;
    for (long s = 0; s < steps; s++) {
        double t = (double)s * h;
        if (seidel) {
            for (long k = 0; k < count; k++) {
                double value = k ? x[k - 1] : 1.0;
                bad |= set(c[k], &input, 1, &value) > fmi2Warning;
                bad |= step(c[k], t, h, fmi2True) > fmi2Warning;
                bad |= get(c[k], &output, 1, &x[k]) > fmi2Warning;
            }
        } else {
            for (long k = 0; k < count; k++) bad |= set(c[k], &input, 1, &u[k]) > fmi2Warning;
            for (long k = 0; k < count; k++) bad |= step(c[k], t, h, fmi2True) > fmi2Warning;
            for (long k = 0; k < count; k++) bad |= get(c[k], &output, 1, &x[k]) > fmi2Warning;
            for (long k = 0; k < count; k++) u[k + 1] = x[k];
        }
    }
    double spent = now() - begun;
    printf("%.6f %.17g\n", 1e9 * spent / ((double)steps * (double)count), x[count - 1]);
    return bad;
}
