#include "coordinator/core/verdict.h"

#include <string.h>

#include "shared/base/check.h"
#include "shared/base/limits.h"

/* What an outcome means once nothing runs again; NONE: it does not decide. */
static const enum verdict verdict_of_outcome[OUTCOME_COUNT] = {
    [OUTCOME_PASSED] = VERDICT_PASSED,   [OUTCOME_FAILED] = VERDICT_FAILED,
    [OUTCOME_ERROR] = VERDICT_ERROR,     [OUTCOME_SKIPPED] = VERDICT_SKIPPED,
    [OUTCOME_XFAIL] = VERDICT_PASSED,    [OUTCOME_XPASS] = VERDICT_FAILED,
    [OUTCOME_CRASHED] = VERDICT_CRASHED, [OUTCOME_TIMED_OUT] = VERDICT_TIMED_OUT,
    [OUTCOME_LOST] = VERDICT_NONE,
};

bool verdict_is_bad(enum verdict verdict)
{
    return verdict == VERDICT_FAILED || verdict == VERDICT_ERROR || verdict == VERDICT_CRASHED ||
           verdict == VERDICT_TIMED_OUT;
}

bool outcome_is_failure(enum outcome outcome)
{
    return outcome != OUTCOME_CRASHED && verdict_is_bad(verdict_of_outcome[outcome]);
}

struct verdict_policy verdict_policy_of(const struct suite_retries *retries, bool is_extra,
                                        bool may_retry)
{
    struct verdict_policy policy = {.crashes = 1, .may_retry = may_retry};

    if (is_extra)
        return policy;
    policy.retries = retries->test;
    if (retries->crash > 1)
        policy.crashes = retries->crash;
    return policy;
}

static bool agent_was_before(const struct attempt *attempts, const struct attempt *lost)
{
    for (const struct attempt *it = attempts; it != lost; it = it->next)
        if (it->use == ATTEMPT_LOST && strcmp(it->agent, lost->agent) == 0)
            return true;
    return false;
}

static bool was_lost_too_often(const struct attempt *attempts)
{
    int agents = 0;
    int times = 0;

    for (const struct attempt *it = attempts; it != NULL; it = it->next) {
        if (it->use != ATTEMPT_LOST)
            continue;
        times++;
        agents += !agent_was_before(attempts, it);
    }
    return agents >= LOST_AGENTS_MAX || times >= LOST_ATTEMPTS_MAX;
}

enum verdict verdict_of(const struct attempt *attempts, const struct verdict_policy *policy)
{
    enum verdict bad = VERDICT_NONE; /* of the last counted attempt that was bad */
    enum outcome last = OUTCOME_COUNT;
    int64_t failures = 0;
    int64_t crashes = 0;

    for (const struct attempt *it = attempts; it != NULL; it = it->next) {
        if (it->use != ATTEMPT_COUNTED)
            continue;
        last = (enum outcome)it->outcome;
        failures += outcome_is_failure(last);
        crashes += last == OUTCOME_CRASHED;
        if (verdict_is_bad(verdict_of_outcome[last]))
            bad = verdict_of_outcome[last];
    }
    if (last == OUTCOME_PASSED || last == OUTCOME_XFAIL)
        return bad == VERDICT_NONE ? VERDICT_PASSED : VERDICT_FLAKY;
    if (last == OUTCOME_SKIPPED)
        return bad == VERDICT_NONE ? VERDICT_SKIPPED : bad;
    if (was_lost_too_often(attempts))
        return VERDICT_CRASHED;
    if (last == OUTCOME_CRASHED && crashes >= policy->crashes)
        return VERDICT_CRASHED;
    if (last != OUTCOME_COUNT && last != OUTCOME_CRASHED &&
        (failures > policy->retries || !policy->may_retry))
        return bad;
    return VERDICT_NONE;
}
