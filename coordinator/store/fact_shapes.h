#ifndef COORDINATOR_STORE_FACT_SHAPES_H
#define COORDINATOR_STORE_FACT_SHAPES_H

/* The tables of every fact body: what the JSON of a ledger line looks like.  Private to the store.
 */

#include "coordinator/core/fact.h"
#include "shared/json/codec.h"

extern const struct enum_names fact_kind_names;

const struct shape *fact_shape(enum fact_kind kind);

#endif
