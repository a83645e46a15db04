/* One room as one heat capacity behind one thermal resistance:
 *
 *   C_room dT_room/dt = heat_load - cooling_power - (T_room - T_ambient) / R_th
 *   P_fan             = P_fan_nominal * (cooling_power / cooling_nominal)^3
 *
 * Inputs are constant over a step, and then the equation has a closed solution, which is what a step computes:
 *
 *   T_end       = T_ambient + R_th * (heat_load - cooling_power)
 *   T_room(t+h) = T_end + (T_room(t) - T_end) * exp(-h / (R_th * C_room))
 *
 * so the result does not depend on how a time span is divided into steps. The cube is the affinity law of fans: the air
 * flow, and with it the cooling power, goes with the speed, the shaft power with its cube.
 */
#include <math.h>
#include <stddef.h>

#define TOKEN "{6f1f2b0e-3a53-4c19-9d0e-52a1b1c0de01}"
enum { TIME, HEAT_LOAD, COOLING_POWER, T_AMBIENT, T_ROOM, P_FAN, C_ROOM, R_TH, T_START, COOLING_NOMINAL, P_FAN_NOMINAL,
       REALS };

static void model_start(double *v) {
    v[TIME] = 0;
    v[HEAT_LOAD] = 0;
    v[COOLING_POWER] = 0;
    v[T_AMBIENT] = 20;
    v[T_ROOM] = 20;
    v[P_FAN] = 0;
    v[C_ROOM] = 850e3;
    v[R_TH] = 0.008;
    v[T_START] = 20;
    v[COOLING_NOMINAL] = 3000;
    v[P_FAN_NOMINAL] = 400;
}

static void model_outputs(double *v) {
    double share = v[COOLING_POWER] / v[COOLING_NOMINAL];
    v[P_FAN] = v[P_FAN_NOMINAL] * (share * share * share);
}

static const char *model_initialise(double *v) {
    if (!(v[C_ROOM] > 0)) return "C_room must be greater than 0 J/K";
    if (!(v[R_TH] > 0)) return "R_th must be greater than 0 K/W";
    if (!(v[COOLING_NOMINAL] > 0)) return "cooling_nominal must be greater than 0 W";
    v[T_ROOM] = v[T_START];
    return NULL;
}

static const char *model_step(double *v, double h) {
    if (!isfinite(v[HEAT_LOAD]) || !isfinite(v[COOLING_POWER]) || !isfinite(v[T_AMBIENT])) return "an input is not finite";
    double end = v[T_AMBIENT] + v[R_TH] * (v[HEAT_LOAD] - v[COOLING_POWER]);
    v[T_ROOM] = end + (v[T_ROOM] - end) * exp(-h / (v[R_TH] * v[C_ROOM]));
    return NULL;
}

#include "cosim3.h"
