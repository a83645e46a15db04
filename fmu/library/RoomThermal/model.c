/* One room as one heat capacity behind one thermal resistance:
 *
 *   C_room dT_room/dt = heat_load - cooling_power - (T_room - T_ambient) / R_th
 *   P_fan             = P_fan_nominal * s^3,  s = (T_room - T_fan_on) / (T_fan_full - T_fan_on), kept within 0 to 1
 *
 * Inputs are constant over a step, and then the equation has a closed solution, which is what a step computes:
 *
 *   T_end       = T_ambient + R_th * (heat_load - cooling_power)
 *   T_room(t+h) = T_end + (T_room(t) - T_end) * exp(-h / (R_th * C_room))
 *
 * so the result does not depend on how a time span is divided into steps. The fans only move air inside the room; their
 * speed s follows its temperature, and the cube is the affinity law of fans: flow goes with speed, power with its cube.
 */
#include <math.h>
#include <stddef.h>

#define TOKEN "{6f1f2b0e-3a53-4c19-9d0e-52a1b1c0de01}"
enum { TIME, HEAT_LOAD, COOLING_POWER, T_AMBIENT, T_ROOM, P_FAN, C_ROOM, R_TH, T_START, P_FAN_NOMINAL, T_FAN_ON,
       T_FAN_FULL, REALS };

#include "cosim.h"

static void model_start(Values *m) {
    double *v = m->v;
    v[TIME] = 0;
    v[HEAT_LOAD] = 0;
    v[COOLING_POWER] = 0;
    v[T_AMBIENT] = 20;
    v[T_ROOM] = 20;
    v[P_FAN] = 0;
    v[C_ROOM] = 850e3;
    v[R_TH] = 0.008;
    v[T_START] = 20;
    v[P_FAN_NOMINAL] = 400;
    v[T_FAN_ON] = 18;
    v[T_FAN_FULL] = 48;
}

static void model_outputs(Values *m) {
    double *v = m->v;
    double speed = fmin(fmax((v[T_ROOM] - v[T_FAN_ON]) / (v[T_FAN_FULL] - v[T_FAN_ON]), 0), 1);
    v[P_FAN] = v[P_FAN_NOMINAL] * (speed * speed * speed);
}

static const char *model_initialise(Values *m) {
    double *v = m->v;
    if (!(v[C_ROOM] > 0)) return "C_room must be greater than 0 J/K";
    if (!(v[R_TH] > 0)) return "R_th must be greater than 0 K/W";
    if (!(v[T_FAN_FULL] > v[T_FAN_ON])) return "T_fan_full must be greater than T_fan_on";
    v[T_ROOM] = v[T_START];
    return NULL;
}

static const char *model_step(Values *m, double h) {
    double *v = m->v;
    if (!isfinite(v[HEAT_LOAD]) || !isfinite(v[COOLING_POWER]) || !isfinite(v[T_AMBIENT])) return "an input is not finite";
    double end = v[T_AMBIENT] + v[R_TH] * (v[HEAT_LOAD] - v[COOLING_POWER]);
    v[T_ROOM] = end + (v[T_ROOM] - end) * exp(-h / (v[R_TH] * v[C_ROOM]));
    return NULL;
}
