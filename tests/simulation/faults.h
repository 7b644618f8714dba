#ifndef TESTS_SIMULATION_FAULTS_H
#define TESTS_SIMULATION_FAULTS_H

/* What goes wrong, and when.  Each seed has its own subset of all kinds of faults, with its own
 * weights (swarm testing): a world with every kind at once is always the same kind of mess. */

#include "tests/simulation/world.h"

void weather_roll(struct world *world);

/* Puts the seed's faults on the agenda, and the moment after which there are none. */
void faults_plan(struct world *world);

#endif
