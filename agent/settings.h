#ifndef AGENT_SETTINGS_H
#define AGENT_SETTINGS_H

/* What the operator says to an agent: one table for the command line, the environment and the help.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/base/log.h"
#include "shared/base/memory.h"
#include "shared/base/status.h"
#include "shared/cli/options.h"
#include "shared/protocol/messages.h"

struct agent_settings {
    const char *coordinator;
    const char *work_dir;
    const char *name; /* NULL: made up once and kept */
    const char *token_file;
    const char *level;
    const char *helper_path;
    const char *drivers_dir;
    struct option_list label_texts;
    struct option_list source_roots;
    struct option_list servers; /* directories of database servers */
    int64_t workers;
    int64_t idle_ms;
    bool until_idle;
    bool allows_plain;
    /* Made from the above: */
    struct label *labels;
    size_t label_count;
    const char *token; /* NULL none */
    enum log_level log_level;
};

extern const struct option_table agent_options;

/* Reads and checks; everything is in the arena or in argv.  With another wish than
 * WISH_RUN nothing is checked. */
enum status agent_settings_read(int argc, char *const *argv, struct arena *arena,
                                struct agent_settings *out_settings, enum option_wish *out_wish,
                                struct error *err) MUST_USE;

#endif
