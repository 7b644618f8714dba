#ifndef COORDINATOR_ENGINE_FACT_LOG_H
#define COORDINATOR_ENGINE_FACT_LOG_H

/* One line for each fact that is durable now.  What an operator wants to follow is at info, the
 * rest at debug.  Never a variable's value, a test's output or a command line. */

#include "coordinator/core/fact.h"

void fact_log(const struct fact *fact);

#endif
